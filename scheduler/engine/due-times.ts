import type { Clock } from '../../common/runtime/clock.ts';

/** Looks at the wall clock as often, which may have been set forward. What waits here is due soon, where that was not set back. */
const MAX_SLEEP_MS = 1000;

/** Tells when an instant of the wall clock has come: one timer for all that wait for the same one. */
export class DueTimes<Item> {
  readonly #clock: Clock;
  readonly #onDue: (item: Item) => void;
  readonly #waiting = new Map<number, Item[]>();

  constructor(clock: Clock, onDue: (item: Item) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** At once where `atMs` is not ahead. */
  at(atMs: number, item: Item): void {
    if (atMs <= this.#clock.now()) {
      this.#onDue(item);
      return;
    }
    const waiting = this.#waiting.get(atMs);
    if (waiting !== undefined) {
      waiting.push(item);
      return;
    }
    this.#waiting.set(atMs, [item]);
    this.#arm(atMs);
  }

  #arm(atMs: number): void {
    this.#clock.after(Math.min(MAX_SLEEP_MS, Math.max(1, atMs - this.#clock.now())), () => {
      // A timer may be early by a millisecond, and the wall clock may have been set back.
      if (this.#clock.now() < atMs) {
        this.#arm(atMs);
        return;
      }
      const waiting = this.#waiting.get(atMs) ?? [];
      this.#waiting.delete(atMs);
      for (const item of waiting) this.#onDue(item);
    });
  }
}
