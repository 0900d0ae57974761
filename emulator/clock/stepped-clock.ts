import { nextTurn, type Clock } from '../../common/runtime/clock.ts';
import { parseDurationOrUndefined } from '../../common/runtime/duration.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';

interface Waiting {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/** How often resolved promises may resolve further ones before time goes on. */
const TURNS = 20;

/**
 * A clock that moves only when it is told to, so that a notice of 15 minutes passes in a millisecond. Timers fire in the
 * order of their time, and what they wake runs before the next one fires.
 *
 * It is for clients in the same process, who are given the same clock. Another process has its own: it would see NotBefore
 * come and go in no time at all, its time-outs would mean nothing, and no test of it would say anything. For those the
 * notices are shortened (`notice` in the fleet file) and the clock is the real one.
 */
export class SteppedClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #order = 0;
  readonly #waiting = new Set<Waiting>();

  /** `startMs`: epoch milliseconds that it shows at first. */
  constructor(startMs: number) {
    this.#wallMs = startMs;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted === true) return false;
    return await new Promise((resolve) => {
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve(true);
      });
      const onAbort = (): void => {
        cancel();
        resolve(false);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  after(ms: number, callback: () => void): () => void {
    const waiting: Waiting = { atMs: this.#monotonicMs + ms, order: this.#order++, wake: callback };
    this.#waiting.add(waiting);
    return () => {
      this.#waiting.delete(waiting);
    };
  }

  /**
   * Moves time forward by milliseconds or by a duration like `15m`. Resolves when every timer on the way has fired and what
   * they woke has run; requests that are under way over the network are not waited for.
   */
  async advance(by: number | string): Promise<void> {
    const targetMs = this.#monotonicMs + spanMs(by);
    await settle();
    for (let next = this.#nextUntil(targetMs); next !== undefined; next = this.#nextUntil(targetMs)) {
      this.#waiting.delete(next);
      this.#move(Math.max(0, next.atMs - this.#monotonicMs));
      next.wake();
      await settle();
    }
    // Another call may have moved it on meanwhile; time does not go back.
    this.#move(Math.max(0, targetMs - this.#monotonicMs));
  }

  /** Changes wall-clock time only, as a correction by NTP or an operator does. Milliseconds, negative for back. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  #nextUntil(targetMs: number): Waiting | undefined {
    let next: Waiting | undefined;
    for (const waiting of this.#waiting) {
      if (waiting.atMs > targetMs) continue;
      const isEarlier =
        next === undefined || waiting.atMs < next.atMs || (waiting.atMs === next.atMs && waiting.order < next.order);
      if (isEarlier) next = waiting;
    }
    return next;
  }

  #move(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }
}

/** When a stepped clock begins unless told otherwise: some day, always the same, so that a test prints the same twice. */
const FIRST_MS = Date.UTC(2026, 0, 1);

/** A stepped clock that shows `start` (a date, or epoch milliseconds) at first. */
export function steppedClock(start: Date | number = FIRST_MS): SteppedClock {
  return new SteppedClock(typeof start === 'number' ? start : start.getTime());
}

function spanMs(by: number | string): number {
  const ms = typeof by === 'number' ? by : parseDurationOrUndefined(by);
  if (ms !== undefined && Number.isFinite(ms) && ms >= 0) return ms;
  const message = `expected milliseconds or a duration like "15m", none below zero, got ${JSON.stringify(by)}`;
  throw new UserError('BAD_DURATION', message, { exitStatus: EXIT_USAGE });
}

/** Lets promises that are already resolved run their continuations. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
  await nextTurn();
}
