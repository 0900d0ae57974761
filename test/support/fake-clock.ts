import type { Clock } from '../../common/runtime/clock.ts';

interface Waiting {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/** A clock that moves only when told to. Timers fire in the order of their time; wall-clock time can be made to jump. */
export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #order = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(startMs = Date.parse('2026-11-20T12:00:00Z')) {
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

  /** Moves time forward, firing every timer on the way, and lets what they woke run before going on. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#monotonicMs + ms;
    await settle();
    for (;;) {
      const next = [...this.#waiting]
        .filter((waiting) => waiting.atMs <= targetMs)
        .toSorted((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#waiting.delete(next);
      this.#move(next.atMs - this.#monotonicMs);
      next.wake();
      await settle();
    }
    this.#move(targetMs - this.#monotonicMs);
  }

  /** Changes wall-clock time only, as a correction by NTP or an operator does. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  #move(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }
}

/** Lets promises that are already resolved run their continuations. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
