import { whenAborted } from './when-aborted.ts';

/**
 * Time as a dependency. Everything that waits or asks what time it is takes a `Clock`, so that a test can drive hours in a
 * millisecond; pure code takes `now` as an argument instead and never sees a clock.
 *
 * Two times, because they fail differently: `now()` is wall-clock time (epoch milliseconds), which people and other machines
 * understand and which can jump; `monotonic()` only ever moves forward and is the one to measure "for at least 10 s" with.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970-01-01T00:00:00Z. May jump in either direction. */
  now(): number;
  /** Milliseconds since an arbitrary origin. Never decreases while the process lives. */
  monotonic(): number;
  /** Resolves true after `ms`, or false at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<boolean>;
  /** Calls `callback` once after `ms`; the returned function cancels it. Does not keep the process alive by itself. */
  after(ms: number, callback: () => void): () => void;
}

/** Longest delay a Node.js timer takes; a longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) =>
    await new Promise<boolean>((resolve) => {
      if (signal?.aborted === true) {
        resolve(false);
        return;
      }
      const timer = setTimeout(
        () => {
          forget?.();
          resolve(true);
        },
        Math.min(ms, MAX_TIMER_MS),
      );
      const forget =
        signal &&
        whenAborted(signal, () => {
          clearTimeout(timer);
          resolve(false);
        });
    }),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(ms, MAX_TIMER_MS));
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves once everything that was ready to run (callbacks, resolved promises, arrived data) has run. Takes no time of any clock. */
export async function nextTurn(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}
