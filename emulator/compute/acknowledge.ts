import type { PlatformRunner } from '../platform-runner.ts';
import {
  eventOrUndefined,
  scaleSetOf,
  vmOrUndefined,
  type PlatformEvent,
  type PlatformState,
  type ScopeState,
} from '../platform/state.ts';
import { vmOfRef, type ComputePath } from './target.ts';

/**
 * Approves an event of a VM, scale set or availability set by the API instead of its metadata service (Azure REST, Maintenance,
 * scheduled events, preview of 2026). False when it has no such event.
 */
export function acknowledge(runner: PlatformRunner, path: ComputePath & { kind: 'acknowledge' }): boolean {
  const event = eventOrUndefined(runner.state, path.eventId);
  const scope = scopeOf(runner.state, path, event);
  if (scope === undefined || event?.scope !== scope.name) return false;
  return runner.submit({ kind: 'approve-as-user', scope: scope.name, eventId: event.id }).kind === 'accepted';
}

function scopeOf(
  state: PlatformState,
  { of, name }: ComputePath & { kind: 'acknowledge' },
  event: PlatformEvent | undefined,
): ScopeState | undefined {
  if (of === 'virtualmachines') {
    const vm = vmOfRef(state, { kind: 'machine', name });
    return vm === undefined ? undefined : state.scopes.get(vm.scope);
  }
  const wanted = name.toLowerCase();
  if (of !== 'availabilitysets') {
    // Its VMs may be scopes of their own.
    const vm = vmOrUndefined(state, event?.resources[0] ?? '');
    const isOf = vm !== undefined && scaleSetOf(state, vm)?.toLowerCase() === wanted;
    return isOf ? state.scopes.get(vm.scope) : undefined;
  }
  return [...state.scopes.values()].find(
    (scope) => scope.kind === 'availability-set' && scope.name.toLowerCase() === wanted,
  );
}
