import type { Clock } from '../common/runtime/clock.ts';
import { describeError } from '../common/runtime/errors.ts';
import type { Log } from '../common/runtime/log.ts';
import { HISTORY_KEPT, HISTORY_LIFE_MS } from './store/retention.ts';
import type { Store } from './store/store.ts';

/** "Completed and faulted jobs are retained for 60 days" (the same page). */
const OVER_JOB_LIFE_MS = 60 * 86_400_000;
/** An event that is over can come back under its id; after so long it does not. */
const AGREEMENT_LIFE_MS = 30 * 86_400_000;
const PRUNE_EVERY_MS = 86_400_000;

/** Forgets what has been kept for long enough, now and once a day; the returned function ends that. */
export function keepPruned(store: Store, clock: Clock, log: Log): () => Promise<void> {
  let cancel = (): void => {};
  let work = Promise.resolve();
  const prune = async (): Promise<void> => {
    try {
      await store.executions.prune(clock.now() - HISTORY_LIFE_MS, HISTORY_KEPT);
      await store.jobs.prune(clock.now() - OVER_JOB_LIFE_MS);
      await store.agreements.prune(clock.now() - AGREEMENT_LIFE_MS);
    } catch (error) {
      log.warn({ err: describeError(error) }, 'old records could not be deleted');
    }
    cancel = clock.after(PRUNE_EVERY_MS, () => {
      work = prune();
    });
  };
  work = prune();
  return async () => {
    cancel();
    await work;
    cancel();
  };
}
