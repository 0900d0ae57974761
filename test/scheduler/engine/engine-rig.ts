import { onTestFinished } from 'vitest';
import { silentLog } from '../../../common/runtime/log.ts';
import { seededRandom } from '../../../common/runtime/random.ts';
import { createEngine, type Engine } from '../../../scheduler/engine/engine.ts';
import type { ActionOutcome } from '../../../scheduler/engine/ending.ts';
import type { Claim, Store } from '../../../scheduler/store/store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { memoryStore } from '../../support/scheduler-store.ts';

export const DONE: ActionOutcome = { status: 'completed', message: 'done' };

/** An engine over a store in memory, on a stepped clock. */
export interface Rig {
  readonly store: Store;
  readonly clock: FakeClock;
  readonly engine: Engine;
  /** What was performed: seconds since the start, job, occurrence, retry, attempt. */
  readonly performed: string[];
  readonly claims: Claim[];
  readonly news: string[];
}

/** `change` puts something between the engine and its store. */
export async function rig(
  perform: (claim: Claim, signal: AbortSignal) => Promise<ActionOutcome | undefined> = async () =>
    await Promise.resolve(DONE),
  change: (store: Store) => Store = (store) => store,
): Promise<Rig> {
  const clock = new FakeClock();
  const store = change(await memoryStore(clock));
  const startMs = clock.now();
  const performed: string[] = [];
  const claims: Claim[] = [];
  const news: string[] = [];
  const engine = createEngine({
    store,
    clock,
    random: seededRandom(1),
    log: silentLog,
    publish: (entry) => news.push(entry.kind),
    replica: { name: 'test', region: undefined },
    perform: async (claim, interrupt) => {
      const { repeat, retry, attempt } = claim.execution;
      performed.push(`${(clock.now() - startMs) / 1000}s ${claim.job.job} #${repeat}.${retry} a${attempt}`);
      claims.push(claim);
      return await perform(claim, interrupt.signal);
    },
  });
  onTestFinished(async () => {
    await engine.close();
  });
  return { store, clock, engine, performed, claims, news };
}
