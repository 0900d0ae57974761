/** A clock and a queue of things to happen. Nothing waits: `runUntil` jumps from one to the next. */
export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  #isStopped = false;
  readonly #heap: Scheduled[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** `run` happens `ms` from now; things due at the same time happen in the order in which they were asked for. */
  after(ms: number, run: () => void): void {
    const item: Scheduled = { atMs: this.#nowMs + ms, order: this.#order++, run };
    const heap = this.#heap;
    let index = heap.push(item) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isEarlier(item, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = item;
  }

  /** Until `endMs`, or until something that happens has called `stop`. */
  runUntil(endMs: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      if (this.#isStopped) return;
      this.#removeFirst();
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = endMs;
  }

  /** Nothing more happens. */
  stop(): void {
    this.#isStopped = true;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isEarlier(right, left);
      const smallest = isRight ? right : left;
      if (!isEarlier(smallest, last)) break;
      heap[index] = smallest;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

function isEarlier(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
