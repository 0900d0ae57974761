/** What waits for each signal. */
const WAITING = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `callback` once when `signal` aborts; the returned function takes that back. One listener serves all that wait for a
 * signal, because adding and removing one costs more than the wait of a loop that runs all day. `signal` must not have aborted.
 */
export function whenAborted(signal: AbortSignal, callback: () => void): () => void {
  const waiting = WAITING.get(signal) ?? new Set();
  if (!WAITING.has(signal)) {
    WAITING.set(signal, waiting);
    signal.addEventListener(
      'abort',
      () => {
        for (const one of waiting) one();
        waiting.clear();
      },
      { once: true },
    );
  }
  waiting.add(callback);
  return () => {
    waiting.delete(callback);
  };
}
