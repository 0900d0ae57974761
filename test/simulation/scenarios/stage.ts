import { canonicalName } from '../../../common/agreement/names.ts';
import { seededRandom } from '../../../common/runtime/random.ts';
import { NO_FAULTS, type Faults } from '../faults.ts';
import { Invariants } from '../invariants.ts';
import { Node } from '../node.ts';
import { Trace } from '../trace.ts';
import { World } from '../world.ts';

/** Of a hand-made run: the fleet has come up by then. */
export const UP_MS = 5000;

export const EVENT_ID = 'E0000000-0000-4000-8000-000000000001';

/** A fleet to which nothing happens but what the scenario says. */
export interface Stage {
  readonly world: World;
  readonly nodes: readonly Node[];
  readonly names: readonly string[];
  readonly invariants: Invariants;
  readonly trace: () => readonly string[];
  /** At this moment of the run. */
  readonly at: (ms: number, run: () => void) => void;
}

export function setStage(size: number, faults: Partial<Faults> = {}, seed = 1): Stage {
  const trace = new Trace();
  const invariants = new Invariants();
  const names = Array.from({ length: size }, (_, index) => `FrontEnd_IN_${index}`);
  const world: World = new World({
    names,
    random: seededRandom(seed),
    faults: { ...NO_FAULTS, healsAtMs: Number.POSITIVE_INFINITY, ...faults },
    checks: invariants,
    trace: (who, what) => {
      trace.note(world.time.nowMs, who, what);
    },
  });
  invariants.world = world;
  const nodes = names.map((name, index) => new Node({ name, index, world, invariants, hasGate: true }));
  for (const node of nodes) world.vms.set(canonicalName(node.name), node);
  world.machines.push(...nodes);
  for (const node of nodes) node.boot();
  return {
    world,
    nodes,
    names,
    invariants,
    trace: () => trace.lines(),
    at: (ms, run) => {
      world.time.after(ms - world.time.nowMs, run);
    },
  };
}
