import { canonicalName } from '../../common/agreement/names.ts';
import { seededRandom } from '../../common/runtime/random.ts';
import type { EventType } from '../../emulator/platform/state.ts';
import { planFaults, type AnnouncedEvent } from './fault-plan.ts';
import { drawFaults, type Bias, type FaultKind, type Faults, type Mode } from './faults.ts';
import { Invariants, type Residual, type Violation } from './invariants.ts';
import { checkLiveness } from './liveness.ts';
import { Node } from './node.ts';
import { END_MS, EVENT_AT_MS, HEAL_MS, OTHERS_WITHIN_MS } from './run-times.ts';
import { Trace } from './trace.ts';
import { World } from './world.ts';

export interface RunResult {
  readonly seed: number;
  readonly mode: Mode;
  readonly violations: readonly Violation[];
  readonly faults: Faults;
  readonly fired: ReadonlyMap<FaultKind, number>;
  readonly vms: number;
  readonly events: number;
  /** How many of them one of the VMs approved before NotBefore. */
  readonly approved: number;
  readonly posts: number;
  readonly takeovers: number;
  readonly residuals: Readonly<Record<Residual, number>>;
  /** Everything that happened, in lines for people. */
  trace(): readonly string[];
  /** What the agents have come to. */
  describe(): readonly string[];
  /** The same for the same seed, always. */
  digest(): string;
}

/** How often a run is looked at whether it is over. */
const LOOK_MS = 1000;

const TYPES: readonly EventType[] = ['Freeze', 'Reboot', 'Redeploy'];

/** One run from one seed: a fleet of 2 to 5 VMs, an event or more, whatever faults the seed draws. */
export function simulate(mode: Mode, seed: number, bias: Bias = {}): RunResult {
  const random = seededRandom(seed);
  const trace = new Trace();
  const invariants = new Invariants();
  const faults = { ...drawFaults(mode, random, HEAL_MS), ...bias };
  const names = Array.from({ length: 2 + Math.floor(random.fraction() * 4) }, (_, index) => `FrontEnd_IN_${index}`);
  const world: World = new World({
    names,
    random,
    faults,
    checks: invariants,
    trace: (who, what) => {
      trace.note(world.time.nowMs, who, what);
    },
  });
  invariants.world = world;
  const nodes = bootFleet(world, invariants, names);
  const events = announceEvents(mode, world, names);
  const hasGate = random.fraction() < 0.7;
  const clone = (node: Node): void => {
    const index = names.indexOf(node.name);
    const other = new Node({ name: node.name, index, world, invariants, hasGate, isClone: true });
    world.machines.push(other);
    other.boot();
  };
  planFaults({ world, nodes, events, names, clone });
  stopWhenOver({ mode, world, nodes, lastEventMs: Math.max(...events.map(({ atMs }) => atMs)) });
  world.time.runUntil(END_MS);
  checkLiveness({ mode, world, nodes, events, invariants });
  return {
    seed,
    mode,
    violations: invariants.violations,
    faults,
    fired: world.fired,
    vms: names.length,
    events: events.length,
    approved: world.approvedByUs.size,
    posts: world.counters.posts,
    takeovers: world.counters.takeovers,
    residuals: invariants.residuals,
    trace: () => trace.lines(),
    describe: () => nodes.map((node) => `at the end ${node.describe()}`),
    digest: () => trace.digest(),
  };
}

function bootFleet(world: World, invariants: Invariants, names: readonly string[]): readonly Node[] {
  const { withoutAgent } = world.faults;
  const hasGate = world.random.fraction() < 0.7;
  const bare = withoutAgent === 'none' ? undefined : names.at(-1);
  const nodes = names.map(
    (name, index) => new Node({ name, index, world, invariants, hasGate, hasAgent: name !== bare }),
  );
  if (bare !== undefined) {
    world.count('VM without agent');
    if (withoutAgent === 'listed') world.unmanaged.add(canonicalName(bare));
  }
  for (const node of nodes) world.vms.set(node.canonical, node);
  world.machines.push(...nodes);
  for (const node of nodes) node.boot();
  return nodes;
}

/** One event, or (where faults are drawn too) now and then several that overlap and may name the same VMs. */
function announceEvents(mode: Mode, world: World, names: readonly string[]): readonly AnnouncedEvent[] {
  const { random, faults } = world;
  const managed = mode === 'liveness' && faults.withoutAgent === 'unlisted' ? names.slice(0, -1) : names;
  return Array.from({ length: 1 + faults.moreEvents }, (_, index) => {
    const first = index === 0 ? 0 : Math.floor(random.fraction() * managed.length);
    const named = managed.slice(first, first + 1 + Math.floor(random.fraction() * (managed.length - first)));
    const eventId = eventIdOf(index);
    const atMs = EVENT_AT_MS + (index === 0 ? 0 : world.between(0, OTHERS_WITHIN_MS));
    const type = TYPES[Math.floor(random.fraction() * TYPES.length)] ?? 'Reboot';
    world.time.after(atMs, () => {
      const live = new Set(world.liveEvents().flatMap((event) => event.resources));
      if (named.some((name) => live.has(name))) world.count('overlapping events');
      world.announce(eventId, type, named);
    });
    return { eventId, named, atMs };
  });
}

/**
 * The same in every run: an engine that runs a million of them keeps a shape of objects for every key that it has ever met, and
 * throws compiled code away for each new one.
 */
function eventIdOf(index: number): string {
  return `E0000000-0000-4000-8000-00000000000${index}`;
}

/** A run ends once every event is gone and every VM is back, with nothing left to do; the clock ends it in any case. */
function stopWhenOver(run: {
  readonly mode: Mode;
  readonly world: World;
  readonly nodes: readonly Node[];
  readonly lastEventMs: number;
}): void {
  const { world, nodes } = run;
  const { time } = world;
  const look = (): void => {
    // Without a coordinator nobody is back for minutes, and nobody is held to it.
    const isBack = run.mode === 'silent' || nodes.every((node) => node.isQuiet());
    const isOver = world.liveEvents().length === 0 && world.approvalsUnderWay === 0 && world.upcoming === 0;
    if (isOver && isBack) time.stop();
    else time.after(LOOK_MS, look);
  };
  time.after(run.lastEventMs + LOOK_MS, look);
}
