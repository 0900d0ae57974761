/**
 * One way in which traffic reaches this VM, and how to turn it away there. Implementations are driven one call at a time.
 */
export interface Drain {
  /** For messages: `health gate`, `haproxy web/s1 at /run/haproxy/admin.sock`. */
  readonly name: string;
  /**
   * Turns new traffic away. May be repeated at any time, and then puts right what was undone from outside (a balancer that
   * restarted). Rejects when the balancer did not take it; nothing is assumed then.
   */
  start(): Promise<void>;
  /** Looks whether traffic is left. Rejects when it cannot tell, which is never the same as "none". */
  read(): Promise<DrainReading>;
  /** Lets traffic in again, unless somebody else than this agent had turned it away. May be repeated. */
  restore(): Promise<void>;
}

export interface DrainReading {
  /** Nothing flows and nothing new will come. */
  readonly clear: boolean;
  /** Sessions or connections that are left, where they can be counted. */
  readonly count?: number;
  /** For people: `3 sessions`. */
  readonly detail: string;
}
