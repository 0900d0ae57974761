import type { Clock } from '../common/runtime/clock.ts';
import { UserError } from '../common/runtime/errors.ts';

/** What a look has found: what was waited for, or what is missing still, for people. */
export type Seen<Value> = { readonly value: Value } | { readonly missing: string };

export interface Awaited<Value> {
  /** Completes "waited N s for …": `FrontEnd_IN_0 to be back in service`. */
  readonly what: string;
  readonly limitMs: number;
  /** Looks once. The last thing missing is in the message when the limit is reached. */
  readonly look: () => Promise<Seen<Value>>;
}

/** How often to look. Often enough for a readable timeline, seldom enough to be no load of its own. */
const LOOK_MS = 200;

/**
 * Looks until there is a value, and returns it. Rejects with a `UserError` (`WAITED_TOO_LONG`) that says what is missing
 * still when `limitMs` have passed, and as soon as `signal` aborts.
 */
export async function waitFor<Value>(awaited: Awaited<Value>, clock: Clock, signal: AbortSignal): Promise<Value> {
  const startMs = clock.monotonic();
  for (;;) {
    const seen = await awaited.look();
    if ('value' in seen) return seen.value;
    signal.throwIfAborted();
    if (clock.monotonic() - startMs >= awaited.limitMs) {
      throw new UserError(
        'WAITED_TOO_LONG',
        `waited ${Math.round(awaited.limitMs / 1000)} s for ${awaited.what}, in vain: ${seen.missing}`,
      );
    }
    await clock.sleep(LOOK_MS, signal);
  }
}
