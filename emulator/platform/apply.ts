import { enabled } from './enabling.ts';
import { changed, endImpact, putEvent, removeEvent, startEvent } from './life.ts';
import { applyMemberCommand, type MemberCommand } from './members.ts';
import { scheduleEvent, type ScheduleCommand } from './schedule.ts';
import type { CommandStep, Effect, PlatformRefusal, Step } from './effects.ts';
import { eventOrUndefined, vmOrUndefined, type PlatformEvent, type PlatformState, type ScopeState } from './state.ts';

/** What may be asked of the platform: by a VM (`approve`, `enable`), by the host (`impact-done`), by the operator (the rest). */
export type PlatformCommand =
  | ScheduleCommand
  | MemberCommand
  /** A VM approves events of its scope, for all VMs that they name. All ids must be known, or nothing happens. */
  | { readonly kind: 'approve'; readonly vm: string; readonly eventIds: readonly string[] }
  /** The VMs' user approves one, from outside of all of them. */
  | { readonly kind: 'approve-as-user'; readonly scope: string; readonly eventId: string }
  /** A VM asks for events: from now on its scope has a document, until nobody has asked for long enough. */
  | { readonly kind: 'enable'; readonly vm: string }
  | { readonly kind: 'cancel'; readonly eventId: string }
  /** Starts now, approved or not. */
  | { readonly kind: 'start'; readonly eventId: string }
  /** Ends now, whatever the host is still doing. */
  | { readonly kind: 'complete'; readonly eventId: string }
  | { readonly kind: 'impact-done'; readonly eventId: string };

/** Applies one command at `now` (epoch milliseconds). What falls due by then is for `advance`, which the caller runs next. */
export function applyCommand(state: PlatformState, command: PlatformCommand, now: number): CommandStep {
  switch (command.kind) {
    case 'schedule':
      return scheduleEvent(state, command, now);
    case 'approve':
      return approve(state, command, now);
    case 'approve-as-user':
      return approveAsUser(state, command, now);
    case 'add-vm':
    case 'remove-vm':
    case 'stop-vm':
    case 'start-vm':
      return applyMemberCommand(state, command, now);
    case 'enable':
      return enable(state, command.vm, now);
    case 'cancel':
    case 'start':
    case 'complete':
    case 'impact-done': {
      const event = eventOrUndefined(state, command.eventId);
      if (event === undefined) {
        // The operator may have completed the event while the host was still at it.
        if (command.kind === 'impact-done') return accepted({ state, effects: [] });
        return refused(state, 'unknown-event', unknownEvent(state, command.eventId));
      }
      return applyToEvent(state, { kind: command.kind, event }, now);
    }
    default:
      return command satisfies never;
  }
}

function applyToEvent(
  state: PlatformState,
  command: { readonly kind: 'cancel' | 'start' | 'complete' | 'impact-done'; readonly event: PlatformEvent },
  now: number,
): CommandStep {
  const { event } = command;
  const hasStarted = event.life.phase !== 'scheduled' && event.life.phase !== 'approved';
  switch (command.kind) {
    case 'impact-done':
      return accepted(endImpact(state, event, now));
    case 'cancel':
      return hasStarted
        ? refused(state, 'already-started', `event ${event.id} has started and can no longer be cancelled`)
        : accepted(removeEvent(state, event, { outcome: 'cancelled', now }));
    case 'start':
      return hasStarted
        ? refused(state, 'already-started', `event ${event.id} has already started`)
        : accepted(startEvent(state, event, now));
    case 'complete':
      return hasStarted
        ? accepted(removeEvent(state, event, { outcome: 'completed', now }))
        : refused(state, 'not-started', `event ${event.id} has not started; start it first, or cancel it`);
    default:
      return command.kind satisfies never;
  }
}

/**
 * Azure answers success for any event that is valid, also when another VM approved it before or it has already started
 * (Azure docs, Scheduled Events, "Start an event").
 */
function approve(
  state: PlatformState,
  command: { readonly vm: string; readonly eventIds: readonly string[] },
  now: number,
): CommandStep {
  const vm = vmOrUndefined(state, command.vm);
  const scope = vm === undefined ? undefined : state.scopes.get(vm.scope);
  if (vm === undefined || scope === undefined) return refused(state, 'unknown-vm', unknownVm(state, command.vm));
  return approveIn(state, { scope, eventIds: command.eventIds, by: vm.name, vm: vm.name }, now);
}

/** Azure takes acknowledgements out of band too, since 2026; the one of either endpoint counts. */
function approveAsUser(
  state: PlatformState,
  command: { readonly scope: string; readonly eventId: string },
  now: number,
): CommandStep {
  const scope = state.scopes.get(command.scope);
  if (scope === undefined) return refused(state, 'unknown-event', unknownEvent(state, command.eventId));
  return approveIn(state, { scope, eventIds: [command.eventId], by: APPROVED_BY_USER, vm: undefined }, now);
}

/** In the place of a VM's name. */
export const APPROVED_BY_USER = 'user';

function approveIn(
  state: PlatformState,
  approval: {
    readonly scope: ScopeState;
    readonly eventIds: readonly string[];
    readonly by: string;
    readonly vm: string | undefined;
  },
  now: number,
): CommandStep {
  const { by } = approval;
  const events: PlatformEvent[] = [];
  for (const eventId of approval.eventIds) {
    const event = eventIn(approval.scope, eventId);
    if (event === undefined) return refused(state, 'unknown-event', unknownEvent(state, eventId));
    events.push(event);
  }
  let current = state;
  const effects: Effect[] = [];
  for (const event of new Set(events)) {
    if (event.approvals.some((known) => known.by === by)) continue;
    const startsAtMs = now + state.settings.startAfterApprovalMs;
    const approved: PlatformEvent = {
      ...event,
      approvals: [...event.approvals, { by, atMs: now }],
      life: event.life.phase === 'scheduled' ? { phase: 'approved', startsAtMs } : event.life,
    };
    // Approval is nowhere in the document; the VMs learn of it by the start.
    current = putEvent(current, approved, false);
    effects.push(changed('event.approved', approved, approval.vm));
  }
  return accepted({ state: current, effects });
}

function enable(state: PlatformState, vmName: string, now: number): CommandStep {
  const vm = vmOrUndefined(state, vmName);
  const scope = vm === undefined ? undefined : state.scopes.get(vm.scope);
  if (vm === undefined || scope === undefined) return refused(state, 'unknown-vm', unknownVm(state, vmName));
  const scopes = new Map(state.scopes).set(scope.name, enabled(scope, vm, now));
  return accepted({ state: { ...state, scopes }, effects: [] });
}

function eventIn(scope: ScopeState, eventId: string): PlatformEvent | undefined {
  const wanted = eventId.toUpperCase();
  return scope.events.find((event) => event.id === wanted);
}

function accepted(step: Step): CommandStep {
  return { ...step, outcome: { kind: 'accepted' } };
}

function refused(state: PlatformState, reason: PlatformRefusal, message: string): CommandStep {
  return { state, effects: [], outcome: { kind: 'refused', reason, message } };
}

function unknownEvent(state: PlatformState, eventId: string): string {
  const known = [...state.scopes.values()].flatMap((scope) => scope.events.map((event) => event.id));
  return `no event ${JSON.stringify(eventId)}; ${known.length === 0 ? 'there are none' : `known: ${known.join(', ')}`}`;
}

function unknownVm(state: PlatformState, name: string): string {
  const known = [...state.vms.values()].map((vm) => vm.name);
  return `no VM ${JSON.stringify(name)}; known: ${known.join(', ')}`;
}
