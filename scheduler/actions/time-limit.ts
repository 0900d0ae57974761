import type { Clock } from '../../common/runtime/clock.ts';

/** Something that may take too long. */
export interface Limited {
  /** It has: called once, unless it was ended before. */
  onLate(): void;
}

/**
 * One limit for many. Thousands a second begin and end well within it, and a timer for each of them would be made only to be
 * cancelled: all have the same time, so the oldest is always the next that could be late, and one timer watches that.
 */
export class TimeLimit {
  readonly #clock: Clock;
  readonly #ms: number;
  /** With when they began (monotonic), the oldest first. */
  readonly #underWay = new Map<Limited, number>();
  #isArmed = false;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  begin(one: Limited): void {
    this.#underWay.set(one, this.#clock.monotonic());
    if (!this.#isArmed) this.#arm(this.#ms);
  }

  end(one: Limited): void {
    this.#underWay.delete(one);
  }

  #arm(ms: number): void {
    this.#isArmed = true;
    this.#clock.after(ms, () => {
      const nowMs = this.#clock.monotonic();
      try {
        this.#end(nowMs - this.#ms);
      } finally {
        const [oldestMs] = this.#underWay.values();
        if (oldestMs === undefined) this.#isArmed = false;
        else this.#arm(Math.max(0, oldestMs + this.#ms - nowMs));
      }
    });
  }

  /** Those that began at `beganMs` or before. */
  #end(beganMs: number): void {
    for (const [one, sinceMs] of this.#underWay) {
      if (sinceMs > beganMs) return;
      this.#underWay.delete(one);
      one.onLate();
    }
  }
}
