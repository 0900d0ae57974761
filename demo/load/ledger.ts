/** A request that failed, for people. */
export interface Failure {
  readonly atMs: number;
  /** `GET /` or `POST /orders`, and over which kind of connection. */
  readonly what: string;
  readonly reason: string;
}

/** The books of one step: everything that was sent while it ran. */
export interface SegmentCount {
  readonly requests: number;
  /** Requests without the expected answer, and accepted orders that were never done. */
  readonly failed: number;
  readonly ordersAccepted: number;
  /** Requests under way, and orders accepted but not done yet; 0 once the segment is settled. */
  readonly open: number;
  /** Answers by the name of the VM that gave them. */
  readonly answersByVm: ReadonlyMap<string, number>;
  /** The first few failures. */
  readonly failures: readonly Failure[];
}

/** Failures kept for the report; the rest are only counted. */
const MAX_FAILURES_KEPT = 20;
/** Done orders nobody asked about yet: a worker may be quicker than the answer "accepted". Others' orders end here too. */
const MAX_DONE_UNCLAIMED = 10_000;

interface Segment {
  requests: number;
  failed: number;
  ordersAccepted: number;
  open: number;
  readonly answersByVm: Map<string, number>;
  readonly failures: Failure[];
}

/**
 * Keeps account of every request from its start to its end, and of every accepted order until it is done. A request belongs
 * to the segment in which it was started, for good: no request falls between two segments.
 */
export class Ledger {
  #current: Segment = emptySegment();
  readonly #segments: Segment[] = [this.#current];
  readonly #pendingOrders = new Map<number, { readonly segment: Segment; readonly acceptedAtMs: number }>();
  readonly #doneUnclaimed = new Set<number>();

  /** Closes the current segment for new requests and opens the next; returns a reader of the closed one. */
  nextSegment(): () => SegmentCount {
    const closed = this.#current;
    this.#current = emptySegment();
    this.#segments.push(this.#current);
    return () => closed;
  }

  current(): SegmentCount {
    return this.#current;
  }

  /** A request starts; the returned token ends it, exactly once. */
  start(): RequestToken {
    const segment = this.#current;
    segment.requests += 1;
    segment.open += 1;
    return {
      answered: (vm) => {
        segment.open -= 1;
        segment.answersByVm.set(vm, (segment.answersByVm.get(vm) ?? 0) + 1);
      },
      accepted: (orderId, nowMs) => {
        segment.ordersAccepted += 1;
        // What was open as a request is open as an order from now on.
        if (this.#doneUnclaimed.delete(orderId)) segment.open -= 1;
        else this.#pendingOrders.set(orderId, { segment, acceptedAtMs: nowMs });
      },
      failed: (failure) => {
        segment.open -= 1;
        fail(segment, failure);
      },
    };
  }

  /** The queue says that these orders are done. */
  done(orderIds: readonly number[]): void {
    for (const id of orderIds) {
      const pending = this.#pendingOrders.get(id);
      if (pending === undefined) {
        this.#doneUnclaimed.add(id);
        if (this.#doneUnclaimed.size > MAX_DONE_UNCLAIMED) {
          for (const oldest of this.#doneUnclaimed.values()) {
            this.#doneUnclaimed.delete(oldest);
            break;
          }
        }
        continue;
      }
      this.#pendingOrders.delete(id);
      pending.segment.open -= 1;
    }
  }

  /** Orders accepted longer than `limitMs` ago and still not done are lost: each counts as a failed request. */
  expireOrders(nowMs: number, limitMs: number): void {
    for (const [id, { segment, acceptedAtMs }] of this.#pendingOrders) {
      if (nowMs - acceptedAtMs <= limitMs) continue;
      this.#pendingOrders.delete(id);
      segment.open -= 1;
      const reason = `order ${id} was accepted and never done (waited ${limitMs} ms): lost by a worker`;
      fail(segment, { atMs: acceptedAtMs, what: 'POST /orders', reason });
    }
  }

  total(): { readonly requests: number; readonly failed: number } {
    const sum = (of: (segment: Segment) => number): number => this.#segments.reduce((all, one) => all + of(one), 0);
    return { requests: sum((one) => one.requests), failed: sum((one) => one.failed) };
  }
}

export interface RequestToken {
  /** The expected answer came, from this VM. */
  answered(vm: string): void;
  /** An order was accepted: it stays open until it is done. */
  accepted(orderId: number, nowMs: number): void;
  failed(failure: Failure): void;
}

function emptySegment(): Segment {
  return { requests: 0, failed: 0, ordersAccepted: 0, open: 0, answersByVm: new Map(), failures: [] };
}

function fail(segment: Segment, failure: Failure): void {
  segment.failed += 1;
  if (segment.failures.length < MAX_FAILURES_KEPT) segment.failures.push(failure);
}
