import type { PlatformSettings, PlatformState, ScopeState, Vm } from './state.ts';
import { forgetZones, isZonal, withZone } from './zones.ts';

/*
 * A scope gets events from its first request for them on, and loses them again when it has not asked for a day; its next
 * document then counts from 1 again (Azure docs, Scheduled Events, "Enabling and disabling Scheduled Events"; that the count
 * starts again is what operators of clusters report).
 */

/** How exactly the last request is known, as a share of the time after which a scope is forgotten: one minute in a day. */
const NOTING_SHARE = 1 / 1440;

/** Whether a request at `now` changes anything; most do not, because the state of a scope should stay the same object. */
export function askedWorthNoting(
  scope: ScopeState,
  by: Pick<Vm, 'zone'>,
  { settings, now }: { readonly settings: PlatformSettings; readonly now: number },
): boolean {
  const lastMs = isZonal(scope, by) ? scope.zones?.[by.zone] : scope.lastAskedMs;
  if (!scope.isEnabled || lastMs === undefined) return true;
  return Math.abs(now - lastMs) >= settings.disableAfterMs * NOTING_SHARE;
}

/** A VM asks for events at `now`. */
export function enabled(scope: ScopeState, by: Vm, now: number): ScopeState {
  const noted = isZonal(scope, by) ? withZone(scope, by.zone, now) : scope;
  return { ...noted, isEnabled: true, lastAskedMs: now };
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
  if (forgotten.length === 0) return forgetZones(state, now);
  const scopes = new Map(state.scopes);
  for (const scope of forgotten) {
    const { zones: _zones, ...rest } = scope;
    scopes.set(scope.name, { ...rest, isEnabled: false, lastAskedMs: undefined, incarnation: 1 });
  }
  return forgetZones({ ...state, scopes }, now);
}
