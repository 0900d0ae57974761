import type { Fault } from '../faults.ts';
import type { ScopeState } from '../platform/state.ts';

/**
 * What a VM sees of `scope` under a fault that leaves the service as it is but for the document: approvals go through.
 * `past` finds what documents were.
 */
export function scopeUnder(
  fault: Fault,
  scope: ScopeState,
  past: (fault: Fault, scope: ScopeState) => ScopeState,
): ScopeState {
  if (fault.kind === 'empty-document') return { ...scope, events: [] };
  if (fault.kind === 'stale-document' || fault.kind === 'behind') return past(fault, scope);
  if (fault.kind !== 'clock-skew') return scope;
  return { ...scope, events: scope.events.map((event) => ({ ...event, ...skewed(event.notBeforeMs, fault) })) };
}

function skewed(notBeforeMs: number | undefined, fault: Fault): { readonly notBeforeMs?: number } {
  return notBeforeMs === undefined ? {} : { notBeforeMs: notBeforeMs + (fault.byMs ?? 0) };
}
