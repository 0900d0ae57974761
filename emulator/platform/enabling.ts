import type { PlatformSettings, PlatformState, ScopeState } from './state.ts';

/*
 * A scope gets events from its first request for them on, and loses them again when it has not asked for a day; its next
 * document then counts from 1 again (Azure docs, Scheduled Events, "Enabling and disabling Scheduled Events"; that the count
 * starts again is what operators of clusters report).
 */

/** How exactly the last request is known, as a share of the time after which a scope is forgotten: one minute in a day. */
const NOTING_SHARE = 1 / 1440;

/** Whether a request at `now` changes anything; most do not, because the state of a scope should stay the same object. */
export function askedWorthNoting(scope: ScopeState, settings: PlatformSettings, now: number): boolean {
  if (!scope.isEnabled || scope.lastAskedMs === undefined) return true;
  return Math.abs(now - scope.lastAskedMs) >= settings.disableAfterMs * NOTING_SHARE;
}

/** When the scope is disabled if nobody asks before; undefined when there is nothing to disable. */
export function disablesAt(scope: ScopeState, settings: PlatformSettings): number | undefined {
  return scope.isEnabled && scope.lastAskedMs !== undefined ? scope.lastAskedMs + settings.disableAfterMs : undefined;
}

/** Disables the scopes that nobody has asked about for too long. Their events go on: only nobody is told. */
export function disableForgotten(state: PlatformState, now: number): PlatformState {
  const forgotten = [...state.scopes.values()].filter(
    (scope) => (disablesAt(scope, state.settings) ?? Infinity) <= now,
  );
  if (forgotten.length === 0) return state;
  const scopes = new Map(state.scopes);
  for (const scope of forgotten) {
    scopes.set(scope.name, { ...scope, isEnabled: false, lastAskedMs: undefined, incarnation: 1 });
  }
  return { ...state, scopes };
}
