import { nextTurn, type Clock } from '../../common/runtime/clock.ts';

/** Executions that one lane gets at once before it has shown how fast they end. */
const FIRST = 64;
/** A lane none of whose executions has ended for so long is slow: it gets as many again beside them. */
const PATIENCE_MS = 25;

/** One that has been under way for so long is long, work that is asked after perhaps: its place goes to another. */
const LONG_MS = 1000;

/** Begins an execution, which calls `leave` once when it is over. False: it is no longer wanted, and never will. */
type Begin = (leave: () => void) => boolean;

/** Of an execution in its lane. */
interface Place {
  readonly sinceMs: number;
}

interface Lane {
  readonly name: string;
  allowed: number;
  /** Of those that are under way and not long, the oldest first. */
  readonly places: Set<Place>;
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

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `begin` once, now or when there is room in the lane. */
  enter(name: string, begin: Begin): void {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const endedMs = this.#clock.monotonic();
      lane = { name, allowed: FIRST, places: new Set(), endedMs, waiting: [], begun: 0, isWatched: false };
      this.#lanes.set(name, lane);
    }
    if (lane.places.size < lane.allowed) {
      this.#begin(lane, begin);
      this.#forget(lane);
      return;
    }
    lane.waiting.push(begin);
    this.#watch(lane);
  }

  #begin(lane: Lane, begin: Begin): boolean {
    const place: Place = { sinceMs: this.#clock.monotonic() };
    lane.places.add(place);
    const isWanted = begin(() => {
      this.#leave(lane, place);
    });
    if (!isWanted) lane.places.delete(place);
    return isWanted;
  }

  #leave(lane: Lane, place: Place): void {
    // Not there any more: it was long.
    if (!lane.places.delete(place)) return;
    lane.endedMs = this.#clock.monotonic();
    // It was slow once, when it or this process was just starting perhaps; now it answers sooner than it could be taken for slow.
    if (lane.allowed > FIRST && lane.endedMs - place.sinceMs < PATIENCE_MS) lane.allowed -= 1;
    if (lane.places.size < lane.allowed) this.#beginNext(lane);
    this.#forget(lane);
  }

  /** One that holds nobody is as new when it is next entered. */
  #forget(lane: Lane): void {
    if (lane.places.size === 0 && lane.waiting.length === 0 && this.#lanes.get(lane.name) === lane) {
      this.#lanes.delete(lane.name);
    }
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
    const nowMs = this.#clock.monotonic();
    for (const place of lane.places) {
      if (nowMs - place.sinceMs < LONG_MS) break;
      lane.places.delete(place);
      this.#beginNext(lane);
    }
    if (nowMs - lane.endedMs >= PATIENCE_MS) {
      lane.allowed += FIRST;
      for (let more = FIRST; more > 0 && this.#beginNext(lane); more--);
    }
    if (lane.waiting.length > 0) this.#watch(lane);
    else this.#forget(lane);
  }

  /** False when nobody waits any more. Taken from the front without moving the rest of a long line. */
  #beginNext(lane: Lane): boolean {
    for (;;) {
      const begin = lane.waiting[lane.begun];
      if (begin === undefined) return false;
      lane.begun += 1;
      if (lane.begun === lane.waiting.length) {
        lane.waiting = [];
        lane.begun = 0;
      }
      if (this.#begin(lane, begin)) return true;
    }
  }
}
