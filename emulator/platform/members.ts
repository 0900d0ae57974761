import { putEvent, removeEvent } from './life.ts';
import type { CommandStep, Effect } from './effects.ts';
import { vmOrUndefined, type PlatformState, type ScopeKind, type Vm } from './state.ts';

/** VMs that come and go while the fleet runs: a role is scaled, a deployment uploaded, a VM deleted or replaced. */
export type MemberCommand =
  /** Its scope comes with its first VM. */
  | { readonly kind: 'add-vm'; readonly vm: Vm; readonly scopeKind: ScopeKind }
  /**
   * No event: it is simply no longer there. Its scope stays when it was the last: a VM may come in its place, and the count of
   * documents goes on.
   */
  | { readonly kind: 'remove-vm'; readonly vm: string };

export function applyMemberCommand(state: PlatformState, command: MemberCommand, now: number): CommandStep {
  switch (command.kind) {
    case 'add-vm':
      return addVm(state, command.vm, command.scopeKind);
    case 'remove-vm':
      return removeVm(state, command.vm, now);
    default:
      return command satisfies never;
  }
}

function addVm(state: PlatformState, vm: Vm, kind: ScopeKind): CommandStep {
  const known = vmOrUndefined(state, vm.name);
  if (known !== undefined) {
    const message = `there is a VM ${known.name} already, in ${known.scope}`;
    return { state, effects: [], outcome: { kind: 'refused', reason: 'vm-exists', message } };
  }
  const scopes = new Map(state.scopes);
  if (!scopes.has(vm.scope)) {
    scopes.set(vm.scope, {
      name: vm.scope,
      kind,
      isEnabled: false,
      incarnation: 1,
      events: [],
      lastAskedMs: undefined,
    });
  }
  const vms = new Map(state.vms).set(vm.name.toLowerCase(), vm);
  return { state: { ...state, scopes, vms }, effects: [], outcome: { kind: 'accepted' } };
}

/** What an event still names is what is still there; one that names nobody any more, and has not started, is cancelled. */
function removeVm(state: PlatformState, name: string, now: number): CommandStep {
  const vm = vmOrUndefined(state, name);
  if (vm === undefined) {
    const message = `no VM ${JSON.stringify(name)} to remove`;
    return { state, effects: [], outcome: { kind: 'refused', reason: 'unknown-vm', message } };
  }
  const vms = new Map(state.vms);
  vms.delete(vm.name.toLowerCase());
  const goneVms = new Set(state.goneVms);
  goneVms.delete(vm.name.toLowerCase());
  let current: PlatformState = { ...state, vms, goneVms };
  const effects: Effect[] = [];
  for (const event of state.scopes.get(vm.scope)?.events ?? []) {
    const hasStarted = event.life.phase !== 'scheduled' && event.life.phase !== 'approved';
    if (hasStarted || !event.resources.includes(vm.name)) continue;
    const resources = event.resources.filter((other) => other !== vm.name);
    if (resources.length > 0) current = putEvent(current, { ...event, resources }, true);
    else {
      const step = removeEvent(current, event, { outcome: 'cancelled', now });
      current = step.state;
      effects.push(...step.effects);
    }
  }
  return { state: current, effects, outcome: { kind: 'accepted' } };
}
