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
  | { readonly kind: 'remove-vm'; readonly vm: string }
  /** Its user stops it, without an event. One that does not run already stays what it is, but may lose its place. */
  | { readonly kind: 'stop-vm'; readonly vm: string; readonly as: 'stopped' | 'deallocated' }
  /** Its user starts it again; nothing happens to one that runs. */
  | { readonly kind: 'start-vm'; readonly vm: string };

export function applyMemberCommand(state: PlatformState, command: MemberCommand, now: number): CommandStep {
  switch (command.kind) {
    case 'add-vm':
      return addVm(state, command.vm, command.scopeKind);
    case 'remove-vm':
      return removeVm(state, command.vm, now);
    case 'stop-vm':
      return stopVm(state, command, now);
    case 'start-vm':
      return startVm(state, command.vm);
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
  if (vm === undefined) return unknownVm(state, name);
  const vms = new Map(state.vms);
  vms.delete(vm.name.toLowerCase());
  const goneVms = new Map(state.goneVms);
  goneVms.delete(vm.name.toLowerCase());
  return withoutItsEvents({ ...state, vms, goneVms }, vm, now);
}

function stopVm(
  state: PlatformState,
  command: { readonly vm: string; readonly as: 'stopped' | 'deallocated' },
  now: number,
): CommandStep {
  const vm = vmOrUndefined(state, command.vm);
  const key = command.vm.toLowerCase();
  if (vm === undefined || state.goneVms.get(key) === 'deleted') return unknownVm(state, command.vm);
  // Stopping takes no place away that is given up already.
  if (state.goneVms.get(key) === 'deallocated') return { state, effects: [], outcome: { kind: 'accepted' } };
  return withoutItsEvents({ ...state, goneVms: new Map(state.goneVms).set(key, command.as) }, vm, now);
}

function startVm(state: PlatformState, name: string): CommandStep {
  const key = name.toLowerCase();
  const goneAs = state.goneVms.get(key);
  if (!state.vms.has(key) || goneAs === 'deleted') return unknownVm(state, name);
  if (goneAs === undefined) return { state, effects: [], outcome: { kind: 'accepted' } };
  const goneVms = new Map(state.goneVms);
  goneVms.delete(key);
  return { state: { ...state, goneVms }, effects: [], outcome: { kind: 'accepted' } };
}

function unknownVm(state: PlatformState, name: string): CommandStep {
  const message = `there is no VM ${JSON.stringify(name)}`;
  return { state, effects: [], outcome: { kind: 'refused', reason: 'unknown-vm', message } };
}

/** What has started goes on to its end, also without it. */
function withoutItsEvents(state: PlatformState, vm: Vm, now: number): CommandStep {
  let current = state;
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
