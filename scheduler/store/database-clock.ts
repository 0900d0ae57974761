import type { Clock } from '../../common/runtime/clock.ts';

/** A clock that shows a database's time. */
export interface DatabaseClock extends Clock {
  /** The database said `nowMs` at some moment between these two, by this clock's `monotonic`. */
  learn(nowMs: number, askedMs: number, answeredMs: number): void;
}

/** What was learnt is used for so long even if it was learnt more exactly than what came after it. */
const TRUSTED_MS = 10_000;

/**
 * Follows the database's time: what it last said, plus what has passed since by the monotonic clock. So it does not jump with
 * this machine's wall clock, and all replicas agree to within half a round trip.
 */
export function createDatabaseClock(clock: Clock): DatabaseClock {
  let known: { readonly offsetMs: number; readonly doubtMs: number; readonly atMs: number } | undefined;
  return {
    now: () => (known === undefined ? clock.now() : Math.floor(clock.monotonic() + known.offsetMs)),
    monotonic: () => clock.monotonic(),
    sleep: async (ms, signal) => await clock.sleep(ms, signal),
    after: (ms, callback) => clock.after(ms, callback),
    learn: (nowMs, askedMs, answeredMs) => {
      const doubtMs = answeredMs - askedMs;
      if (known !== undefined && known.doubtMs < doubtMs && answeredMs - known.atMs < TRUSTED_MS) return;
      known = { offsetMs: nowMs - (askedMs + answeredMs) / 2, doubtMs, atMs: answeredMs };
    },
  };
}
