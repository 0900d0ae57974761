import { nextTurn, type Clock } from '../../common/runtime/clock.ts';

/** Executions that one lane gets at once before it has shown how fast they end. */
const FIRST = 64;
/** A lane none of whose executions has ended for so long is slow: it gets as many again beside them. */
const PATIENCE_MS = 25;

/** One that has been under way for so long is long, work that is asked after perhaps: its place goes to another. */
const LONG_MS = 1000;

interface Lane<Item> {
  readonly name: string;
  allowed: number;
  /** Those that are under way and not long, with when they began; the oldest first. */
  readonly places: Map<Item, number>;
  endedMs: number;
  /** What waits, in its order. `begun`: how many of them have. */
  waiting: Item[];
  begun: number;
  isWatched: boolean;
}

/**
 * Lets a burst of executions reach their target over few connections where it answers quickly, and over as many as it takes
 * where it does not. A thousand new connections at one instant cost more than a thousand requests over sixty-four; and a
 * target that needs a minute for each must not make the others wait for it. What waits is a claim and nothing more.
 */
export class Lanes<Item extends object> {
  readonly #clock: Clock;
  readonly #begin: (item: Item) => boolean;
  readonly #lanes = new Map<string, Lane<Item>>();

  /** `begin` begins an execution, which leaves its lane once when it is over. False: it is no longer wanted, and never will. */
  constructor(clock: Clock, begin: (item: Item) => boolean) {
    this.#clock = clock;
    this.#begin = begin;
  }

  /** Begins `item` once, now or when there is room in the lane. */
  enter(name: string, item: Item): void {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const endedMs = this.#clock.monotonic();
      lane = { name, allowed: FIRST, places: new Map(), endedMs, waiting: [], begun: 0, isWatched: false };
      this.#lanes.set(name, lane);
    }
    if (lane.places.size < lane.allowed) {
      this.#place(lane, item);
      this.#forget(lane);
      return;
    }
    lane.waiting.push(item);
    this.#watch(lane);
  }

  /** What was begun is over. */
  leave(name: string, item: Item): void {
    const lane = this.#lanes.get(name);
    const sinceMs = lane?.places.get(item);
    // Not there any more: it was long.
    if (lane === undefined || sinceMs === undefined) return;
    lane.places.delete(item);
    lane.endedMs = this.#clock.monotonic();
    // It was slow once, when it or this process was just starting perhaps; now it answers sooner than it could be taken for slow.
    if (lane.allowed > FIRST && lane.endedMs - sinceMs < PATIENCE_MS) lane.allowed -= 1;
    if (lane.places.size < lane.allowed) this.#beginNext(lane);
    this.#forget(lane);
  }

  #place(lane: Lane<Item>, item: Item): boolean {
    lane.places.set(item, this.#clock.monotonic());
    const isWanted = this.#begin(item);
    if (!isWanted) lane.places.delete(item);
    return isWanted;
  }

  /** One that holds nobody is as new when it is next entered. */
  #forget(lane: Lane<Item>): void {
    if (lane.places.size === 0 && lane.waiting.length === 0 && this.#lanes.get(lane.name) === lane) {
      this.#lanes.delete(lane.name);
    }
  }

  /** As long as somebody waits. */
  #watch(lane: Lane<Item>): void {
    if (lane.isWatched) return;
    lane.isWatched = true;
    this.#clock.after(PATIENCE_MS, () => {
      void this.#look(lane);
    });
  }

  async #look(lane: Lane<Item>): Promise<void> {
    // After a pause of this process the answers are there already, but not yet read.
    await nextTurn();
    lane.isWatched = false;
    if (lane.waiting.length === 0) return;
    const nowMs = this.#clock.monotonic();
    for (const [item, sinceMs] of lane.places) {
      if (nowMs - sinceMs < LONG_MS) break;
      lane.places.delete(item);
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
  #beginNext(lane: Lane<Item>): boolean {
    for (;;) {
      const item = lane.waiting[lane.begun];
      if (item === undefined) return false;
      lane.begun += 1;
      if (lane.begun === lane.waiting.length) {
        lane.waiting = [];
        lane.begun = 0;
      }
      if (this.#place(lane, item)) return true;
    }
  }
}
