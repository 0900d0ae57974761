/** Claimed in one transaction: one fsync for all of them. More would only keep the first waiting for the last. */
const CLAIM_BATCH = 500;
/**
 * Executions at a time, with those that wait for their time or their target; more wait in the store. Each holds a socket or a
 * rollout, or is about to. No less for those that wait: a slow target would then hold up all others the sooner.
 */
const MAX_RUNNING = 1500;
/** These and those that are over but not yet stored: the next are claimed while the disk has the last ones. */
const MAX_HELD = 3000;
/** So long it waits for room for many before it claims the few that there is room for: each claim costs an fsync. */
const SCARCE_MS = 25;

/** What this process has claimed. */
export interface Holding {
  readonly held: number;
  /** Of those: how many are over, and being stored. */
  readonly ending: number;
}

/** Decides how many may be claimed, and when it is worth the fsync. */
export class Room {
  /** More may be due, but since then (monotonic) there is not room for as many as one claim takes. */
  #scarceSinceMs: number | undefined;

  /** How many may be claimed now, or in how many milliseconds to look again: then, or when `isWorthIt`. */
  look(
    holding: Holding,
    nowMs: number,
  ): { readonly kind: 'claim'; readonly limit: number } | { readonly kind: 'wait'; readonly ms: number } {
    const room = roomIn(holding);
    this.#scarceSinceMs ??= nowMs;
    const leftMs = this.#scarceSinceMs + SCARCE_MS - nowMs;
    if (room < CLAIM_BATCH && (room <= 0 || leftMs > 0)) return { kind: 'wait', ms: leftMs > 0 ? leftMs : SCARCE_MS };
    this.#scarceSinceMs = undefined;
    return { kind: 'claim', limit: room };
  }

  /** Whether there is room for a whole claim again, after it was scarce. */
  isWorthIt(holding: Holding): boolean {
    return this.#scarceSinceMs !== undefined && roomIn(holding) === CLAIM_BATCH;
  }
}

function roomIn({ held, ending }: Holding): number {
  return Math.min(CLAIM_BATCH, MAX_RUNNING - (held - ending), MAX_HELD - held);
}
