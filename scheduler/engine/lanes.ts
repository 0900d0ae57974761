import { nextTurn, type Clock } from '../../common/runtime/clock.ts';

/** Executions that one lane gets at once before it has shown how fast they end. */
const FIRST = 64;
/** A lane none of whose executions has ended for so long is slow: it gets as many again beside them. */
const PATIENCE_MS = 25;

/** Begins an execution. False: it is no longer wanted, and takes no place. */
type Begin = () => boolean;

interface Lane {
  allowed: number;
  running: number;
  endedMs: number;
  /** Begin what waits, in its order. `begun`: how many of them have. */
  waiting: Begin[];
  begun: number;
  isWatched: boolean;
}

/**
 * Lets a burst of executions reach their target over few connections where it answers quickly, and over as many as it takes
 * where it does not. A thousand new connections at one instant cost more than a thousand requests over sixty-four; and a
 * target that needs a minute for each must not make the others wait for it. What waits is a claim and nothing more.
 */
export class Lanes {
  readonly #clock: Clock;
  readonly #lanes = new Map<string, Lane>();
  #waiting = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many wait in all lanes. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Calls `begin` once, now or when there is room in the lane; each that began is followed by a call of `leave`. */
  enter(name: string, begin: Begin): void {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const endedMs = this.#clock.monotonic();
      lane = { allowed: FIRST, running: 0, endedMs, waiting: [], begun: 0, isWatched: false };
      this.#lanes.set(name, lane);
    }
    if (lane.running < lane.allowed) {
      lane.running += 1;
      if (!begin()) this.leave(name);
      return;
    }
    lane.waiting.push(begin);
    this.#waiting += 1;
    this.#watch(lane);
  }

  leave(name: string): void {
    const lane = this.#lanes.get(name);
    if (lane === undefined) return;
    lane.endedMs = this.#clock.monotonic();
    // The place goes to the next in line.
    if (!this.#beginNext(lane) && --lane.running === 0) this.#lanes.delete(name);
  }

  /** As long as somebody waits. */
  #watch(lane: Lane): void {
    if (lane.isWatched) return;
    lane.isWatched = true;
    this.#clock.after(PATIENCE_MS, () => {
      void this.#look(lane);
    });
  }

  async #look(lane: Lane): Promise<void> {
    // After a pause of this process the answers are there already, but not yet read.
    await nextTurn();
    lane.isWatched = false;
    if (lane.waiting.length === 0) return;
    if (this.#clock.monotonic() - lane.endedMs >= PATIENCE_MS) {
      lane.allowed += FIRST;
      for (let more = FIRST; more > 0; more--) {
        if (!this.#beginNext(lane)) break;
        lane.running += 1;
      }
    }
    if (lane.waiting.length > 0) this.#watch(lane);
  }

  /** False when nobody waits any more. Taken from the front without moving the rest of a long line. */
  #beginNext(lane: Lane): boolean {
    for (;;) {
      const begin = lane.waiting[lane.begun];
      if (begin === undefined) return false;
      this.#waiting -= 1;
      lane.begun += 1;
      if (lane.begun === lane.waiting.length) {
        lane.waiting = [];
        lane.begun = 0;
      }
      if (begin()) return true;
    }
  }
}
