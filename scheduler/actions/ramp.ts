import { nextTurn, type Clock } from '../../common/runtime/clock.ts';

/** Requests that one origin gets at once before it has shown how fast it answers. */
const FIRST = 64;
/** An origin that has not answered any of its requests for so long is slow: it gets as many again beside them. */
const PATIENCE_MS = 25;

interface Origin {
  allowed: number;
  running: number;
  answeredMs: number;
  readonly waiting: (() => void)[];
  isWatched: boolean;
}

/**
 * Lets a burst of requests reach a server over few connections where it answers quickly, and over as many as it takes where
 * it does not. A thousand new connections at one instant cost more than a thousand requests over sixty-four; and a server
 * that needs a minute for each must not make the others wait for it.
 */
export class Ramp {
  readonly #clock: Clock;
  readonly #origins = new Map<string, Origin>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when a request may be sent to the origin; each such call is followed by one of `leave`. */
  async enter(name: string): Promise<void> {
    const origin = this.#origins.get(name) ?? {
      allowed: FIRST,
      running: 0,
      answeredMs: this.#clock.monotonic(),
      waiting: [],
      isWatched: false,
    };
    this.#origins.set(name, origin);
    if (origin.running < origin.allowed) {
      origin.running += 1;
      return;
    }
    this.#watch(origin);
    await new Promise<void>((resolve) => {
      origin.waiting.push(resolve);
    });
  }

  leave(name: string): void {
    const origin = this.#origins.get(name);
    if (origin === undefined) return;
    origin.answeredMs = this.#clock.monotonic();
    const next = origin.waiting.shift();
    // The place goes to the next in line.
    if (next !== undefined) next();
    else if (--origin.running === 0) this.#origins.delete(name);
  }

  /** As long as somebody waits. */
  #watch(origin: Origin): void {
    if (origin.isWatched) return;
    origin.isWatched = true;
    this.#clock.after(PATIENCE_MS, () => {
      void this.#look(origin);
    });
  }

  async #look(origin: Origin): Promise<void> {
    // After a pause of this process the answers are there already, but not yet read.
    await nextTurn();
    origin.isWatched = false;
    if (origin.waiting.length === 0) return;
    if (this.#clock.monotonic() - origin.answeredMs >= PATIENCE_MS) {
      origin.allowed += FIRST;
      for (const resolve of origin.waiting.splice(0, FIRST)) {
        origin.running += 1;
        resolve();
      }
    }
    this.#watch(origin);
  }
}
