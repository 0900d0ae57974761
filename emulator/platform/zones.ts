import type { PlatformEvent, PlatformSettings, PlatformState, ScopeState, Vm } from './state.ts';

/*
 * A scale set over several availability zones has one document for all its VMs, but a zone's events come into it only while a
 * VM of that zone asks for events: one that polls in zone 1 does not make those of zone 2 appear (what operators found out, and
 * what support confirmed to them). Nobody says what an event over several zones does; here one zone that asks is enough.
 */

/** Whether the event is in its scope's document. */
export function isShown({ zones }: ScopeState, event: Pick<PlatformEvent, 'zones'>): boolean {
  if (zones === undefined || event.zones === undefined) return true;
  return event.zones.some((zone) => Object.hasOwn(zones, zone));
}

/** Whether requests are noted zone by zone for this VM. */
export function isZonal(scope: ScopeState, vm: Pick<Vm, 'zone'>): boolean {
  return scope.kind === 'scale-set' && vm.zone !== '';
}

/** The zones of these VMs; undefined where they do not matter. */
export function zonesOf(scope: ScopeState | undefined, vms: readonly Vm[]): readonly string[] | undefined {
  if (scope === undefined || vms.some((vm) => !isZonal(scope, vm))) return undefined;
  return [...new Set(vms.map((vm) => vm.zone))];
}

/** A VM of `zone` asks at `now`: events that were waiting for that come into the document. */
export function withZone(scope: ScopeState, zone: string, now: number): ScopeState {
  return changedBy(scope, { ...scope, zones: { ...scope.zones, [zone]: now } });
}

/** When a zone is forgotten, if nobody in it asks before. */
export function zoneForgottenAt(scope: ScopeState, settings: PlatformSettings): number | undefined {
  const askedMs = Object.values(scope.zones ?? {});
  return askedMs.length === 0 ? undefined : Math.min(...askedMs) + settings.disableAfterMs;
}

/** Without the zones that have not asked for too long. */
export function forgetZones(state: PlatformState, now: number): PlatformState {
  const { settings } = state;
  const due = [...state.scopes.values()].filter((scope) => (zoneForgottenAt(scope, settings) ?? Infinity) <= now);
  if (due.length === 0) return state;
  const scopes = new Map(state.scopes);
  for (const scope of due) {
    const asking = Object.entries(scope.zones ?? {}).filter(([, askedMs]) => askedMs + settings.disableAfterMs > now);
    const zones = Object.fromEntries(asking);
    scopes.set(scope.name, changedBy(scope, { ...scope, zones }));
  }
  return { ...state, scopes };
}

/** Another document has another number; one that nobody was shown yet is number 1 whatever is in it. */
function changedBy(before: ScopeState, after: ScopeState): ScopeState {
  const isOther = after.events.some((event) => isShown(before, event) !== isShown(after, event));
  return isOther && before.isEnabled ? { ...after, incarnation: before.incarnation + 1 } : after;
}
