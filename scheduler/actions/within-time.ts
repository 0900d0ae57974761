import { systemClock } from '../../common/runtime/clock.ts';

/** Does `work` with a signal that aborts with `signal` or after `ms`; the latter rejects with a `TimeoutError`. */
export async function withinTime<Result>(
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const limit = new AbortController();
  const stop = (): void => {
    limit.abort();
  };
  let isLate = false;
  const cancel = systemClock.after(ms, () => {
    isLate = true;
    stop();
  });
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await work(limit.signal);
  } catch (error) {
    throw isLate ? new DOMException('The operation has timed out', 'TimeoutError') : error;
  } finally {
    cancel();
    signal.removeEventListener('abort', stop);
  }
}
