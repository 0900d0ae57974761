import { createHash } from 'node:crypto';
import { canonicalName } from '../../common/agreement/names.ts';
import { seededRandom, type RandomSource } from '../../common/runtime/random.ts';
import type { EventType } from '../../emulator/platform/state.ts';
import { drawFaults, type Faults, type Mode } from './faults.ts';
import { Invariants, type Violation } from './invariants.ts';
import { Node } from './node.ts';
import { NOTICE_MS, World } from './world.ts';

export interface RunResult {
  readonly seed: number;
  readonly mode: Mode;
  readonly violations: readonly Violation[];
  readonly faults: Faults;
  readonly vms: number;
  readonly events: number;
  /** How many of them one of the VMs approved before NotBefore. */
  readonly approved: number;
  readonly posts: number;
  readonly takeovers: number;
  readonly grownAfterRead: number;
  readonly trace: readonly string[];
  /** The same for the same seed, always. */
  digest(): string;
}

/** The event appears once the fleet has come up. */
const EVENT_AT_MS = 10_000;
/** A second event, where there is one, appears up to this much later, while the first is in whatever state. */
const SECOND_WITHIN_MS = 40_000;
/** Everything is over by then: the last notice has passed, the last absence has been believed. */
const END_MS = EVENT_AT_MS + SECOND_WITHIN_MS + NOTICE_MS + 120_000;
/** A VM that stays away is looked after so much later, and again, until the events are over; at last so long before the end. */
const REPAIR_MS = 60_000;
/** In liveness runs nothing goes wrong any more from here on: 50 s before NotBefore. */
const HEAL_MS = EVENT_AT_MS + NOTICE_MS - 50_000;

/** From the event's appearance until a fleet without trouble has approved it, and what follows at once. */
const DELICATE_MS = 20_000;

/** How often a run is looked at whether it is over. */
const LOOK_MS = 1000;

const TYPES: readonly EventType[] = ['Freeze', 'Reboot', 'Redeploy'];

/** One run from one seed: a fleet of 2 to 5 VMs, one event, whatever faults the seed draws. */
export function simulate(mode: Mode, seed: number): RunResult {
  const random = seededRandom(seed);
  const trace: string[] = [];
  const invariants = new Invariants();
  const faults = drawFaults(mode, random, HEAL_MS);
  const names = Array.from({ length: 2 + Math.floor(random.fraction() * 4) }, (_, index) => `FrontEnd_IN_${index}`);
  const world: World = new World({
    names,
    random,
    faults,
    checks: invariants,
    trace: (who, what) => {
      trace.push(`${String(world.time.nowMs).padStart(7)}  ${who.padEnd(14)}  ${what}`);
    },
  });
  invariants.world = world;
  const hasGate = random.fraction() < 0.7;
  const nodes = names.map((name, index) => new Node({ name, index, world, invariants, hasGate }));
  for (const node of nodes) world.vms.set(canonicalName(node.name), node);
  for (const node of nodes) node.boot();
  const events = announceEvents(mode, world, names);
  planFaults({ world, nodes, random, events, names });
  stopWhenOver({ mode, world, nodes, lastEventMs: Math.max(...events.map(({ atMs }) => atMs)) });
  world.time.runUntil(END_MS);
  checkLiveness({ mode, world, nodes, events, violations: invariants.violations });
  return {
    seed,
    mode,
    violations: invariants.violations,
    faults,
    vms: names.length,
    events: events.length,
    approved: world.approvedByUs.size,
    posts: world.counters.posts,
    takeovers: world.counters.takeovers,
    grownAfterRead: invariants.residuals.grownAfterRead,
    trace,
    digest: () => createHash('sha256').update(trace.join('\n')).digest('hex'),
  };
}

interface AnnouncedEvent {
  readonly eventId: string;
  readonly atMs: number;
  readonly named: readonly string[];
}

/** One event, or (where faults are drawn too) now and then two that overlap and may name the same VMs. */
function announceEvents(mode: Mode, world: World, names: readonly string[]): readonly AnnouncedEvent[] {
  const { random } = world;
  const isFaulty = mode === 'safety' || mode === 'liveness' || mode === 'policies';
  const count = isFaulty && random.fraction() < 0.3 ? 2 : 1;
  return Array.from({ length: count }, (_, index) => {
    const first = index === 0 ? 0 : Math.floor(random.fraction() * names.length);
    const named = names.slice(first, first + 1 + Math.floor(random.fraction() * (names.length - first)));
    const eventId = random.uuid().toUpperCase();
    const atMs = EVENT_AT_MS + (index === 0 ? 0 : world.between(0, SECOND_WITHIN_MS));
    world.time.after(atMs, () => {
      const type = TYPES[Math.floor(random.fraction() * TYPES.length)] ?? 'Reboot';
      world.command({ kind: 'schedule', eventId, type, resources: named, noticeMs: NOTICE_MS, entry: 'announced' });
    });
    return { eventId, named, atMs };
  });
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
    if (world.liveEvents().length === 0 && world.approvalsUnderWay === 0 && isBack) time.stop();
    else time.after(LOOK_MS, look);
  };
  time.after(run.lastEventMs + LOOK_MS, look);
}

function planFaults(run: {
  readonly world: World;
  readonly nodes: readonly Node[];
  readonly random: RandomSource;
  readonly events: readonly AnnouncedEvent[];
  readonly names: readonly string[];
}): void {
  const { world, nodes, random } = run;
  const [first] = run.events;
  if (first === undefined) return;
  const { eventId, named } = first;
  const { faults } = world;
  const lastMs = Math.min(faults.healsAtMs, EVENT_AT_MS + NOTICE_MS);
  const sometime = (fault: () => void): void => {
    // Most of what is delicate happens soon after the event appears; faults spread evenly would mostly miss it.
    const isSoon = random.fraction() < 0.6;
    const [leastMs, mostMs] = isSoon ? [EVENT_AT_MS - 2000, EVENT_AT_MS + DELICATE_MS] : [1000, lastMs - 1000];
    world.time.after(world.between(leastMs, mostMs), fault);
  };
  const someone = (): Node | undefined => nodes[Math.floor(random.fraction() * nodes.length)];
  const upTo = (mostMs: number): number => Math.min(world.between(500, mostMs), Math.max(0, lastMs - world.time.nowMs));
  let isOneAway = false;
  for (let index = 0; index < faults.crashes; index++) {
    sometime(() => {
      const node = someone();
      if (node?.isAlive() !== true) return;
      node.kill({ isVmDown: false, losesJournal: random.fraction() < faults.lostJournals });
      // The others can go ahead without it only if it had promised (for every event); then one of several may stay away
      // until all is over.
      const isLong =
        run.events.length === 1 && named.length > 1 && !isOneAway && node.hasPromised() && random.fraction() < 0.3;
      isOneAway ||= isLong;
      const repair = (): void => {
        if (node.isAlive()) return;
        const isEarly = isLong && world.liveEvents().length > 0 && world.time.nowMs < END_MS - REPAIR_MS;
        if (isEarly) world.time.after(REPAIR_MS, repair);
        else node.boot();
      };
      world.time.after(isLong ? REPAIR_MS : upTo(20_000), repair);
    });
  }
  for (let index = 0; index < faults.pauses; index++) sometime(() => someone()?.pause(upTo(25_000)));
  for (let index = 0; index < faults.partitions; index++) sometime(() => someone()?.partition(upTo(30_000)));
  for (let index = 0; index < faults.coordinatorOutages; index++)
    sometime(() => {
      world.stopCoordinatorFor(upTo(20_000));
    });
  for (let index = 0; index < faults.metadataOutages; index++)
    sometime(() => {
      world.failMetadataFor(upTo(30_000), random.fraction() < 0.5 ? '*' : (someone()?.name ?? '*'));
    });
  for (let index = 0; index < faults.emptyDocuments; index++)
    sometime(() => {
      world.emptyDocumentsFor(upTo(8000));
    });
  for (let index = 0; index < faults.maintenances; index++)
    sometime(() => {
      someone()?.maintain(`work-${index}`, world.between(5000, 40_000), random.fraction() < 0.6);
    });
  for (let index = 0; index < faults.withdrawals; index++) sometime(() => someone()?.withdraw());
  for (let index = 0; index < faults.forces; index++)
    sometime(() => {
      world.force(eventId);
    });
  for (let index = 0; index < faults.clockJumps; index++)
    sometime(() => {
      someone()?.setClock(world.between(-3_600_000, 3_600_000));
    });
  if (faults.isCancelled)
    sometime(() => {
      world.command({ kind: 'cancel', eventId });
    });
  const other = run.names.find((name) => !named.includes(name));
  if (faults.grows && other !== undefined)
    sometime(() => {
      world.grow(eventId, other);
    });
}

/**
 * - L1: when everything heals well before NotBefore, the event is approved before it.
 * - L2: in the end every VM is back in rotation.
 * - L3: without a coordinator nobody approves for others; an event that names one VM alone is approved as always.
 * - S2: in a calm run exactly one approval is sent.
 */
function checkLiveness(run: {
  readonly mode: Mode;
  readonly world: World;
  readonly nodes: readonly Node[];
  readonly events: readonly AnnouncedEvent[];
  readonly violations: Violation[];
}): void {
  const { mode, world, violations } = run;
  const violate = (invariant: string, detail: string): void => {
    violations.push({ invariant, atMs: world.time.nowMs, detail });
  };
  const { posts } = world.counters;
  for (const { eventId, named } of run.events) {
    const isApproved = world.approvedByUs.has(eventId);
    if ((mode === 'liveness' || mode === 'calm') && !isApproved) violate('L1', `${eventId} was not approved in time`);
    if (mode === 'silent' && named.length > 1 && isApproved) violate('L3', 'approved for others without an agreement');
    if (mode === 'silent' && named.length === 1 && !isApproved) violate('L3', 'did not approve its own event');
  }
  if (mode === 'calm' && posts !== 1) violate('S2', `${posts} approvals were sent where one was enough`);
  if (mode === 'silent') return;
  for (const node of run.nodes) if (!node.isInRotation()) violate('L2', `${node.name} is still out of rotation`);
}
