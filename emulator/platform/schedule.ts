import { changed, putEvent, startEvent } from './life.ts';
import { zonesOf } from './zones.ts';
import type { CommandStep, PlatformRefusal } from './effects.ts';
import { vmOrUndefined, type EventSource, type EventType, type GoneAs, type PlatformState, type Vm } from './state.ts';

/** The operator (or a failing host) makes an event. What is left out gets the type's default. */
export interface ScheduleCommand {
  readonly kind: 'schedule';
  /** A fresh upper-case GUID. */
  readonly eventId: string;
  readonly type: EventType;
  /** Resource names in any case; all of one scope and one update domain. */
  readonly resources: readonly string[];
  readonly durationSeconds?: number | undefined;
  readonly description?: string | undefined;
  readonly source?: EventSource | undefined;
  /** Instead of the type's minimum notice, milliseconds. */
  readonly noticeMs?: number | undefined;
  /**
   * How it comes into the document. `announced`: Scheduled, with notice. `approved-by-policy`: Started at once, because the
   * scope approves user events automatically. `failure`: Started at once, because the hardware gave no notice.
   */
  readonly entry: 'announced' | 'approved-by-policy' | 'failure';
  /** What the VMs are afterwards, where it is not what the type says. */
  readonly leaves?: GoneAs | undefined;
}

export function scheduleEvent(state: PlatformState, command: ScheduleCommand, now: number): CommandStep {
  const named = resolveResources(state, command.resources);
  if (named.kind === 'refused') {
    return { state, effects: [], outcome: { kind: 'refused', reason: named.reason, message: named.message } };
  }
  const source = command.source ?? (command.entry === 'failure' ? 'Platform' : DEFAULT_SOURCE[command.type]);
  const refusal = source === 'User' ? refuseUserOperation(state) : undefined;
  if (refusal !== undefined) return { state, effects: [], outcome: refusal };
  const isAnnounced = command.entry === 'announced' && !isApprovedByPolicy(state, command.type, { source, named });
  const zones = zonesOf(state.scopes.get(named.scope), named.vms);
  const event = {
    id: command.eventId.toUpperCase(),
    type: command.type,
    scope: named.scope,
    resources: named.vms.map((vm) => vm.name),
    ...(zones === undefined ? {} : { zones }),
    description: command.description ?? describe(command, source),
    source,
    durationSeconds: command.durationSeconds ?? (command.type === 'Freeze' ? DEFAULT_FREEZE_SECONDS : UNKNOWN_DURATION),
    scheduledAtMs: now,
    notBeforeMs: isAnnounced
      ? wholeSecondsUp(now + (command.noticeMs ?? state.settings.noticeMs[command.type]))
      : undefined,
    ...(command.leaves === undefined ? {} : { leaves: command.leaves }),
    approvals: [],
    life: { phase: 'scheduled' as const },
  };
  if (isAnnounced) {
    const next = putEvent(state, event, true);
    return { state: next, effects: [changed('event.scheduled', event)], outcome: { kind: 'accepted' } };
  }
  // The document changes once, not twice: nobody ever sees it Scheduled.
  return { ...startEvent(state, event, now), outcome: { kind: 'accepted' } };
}

/** The policy knows only these two types; a user's deletion of a scale set's VM has its own setting (its notice). */
function isApprovedByPolicy(
  state: PlatformState,
  type: EventType,
  event: { readonly source: EventSource; readonly named: { readonly scope: string } },
): boolean {
  const isOfPolicy = type === 'Reboot' || type === 'Redeploy';
  return isOfPolicy && event.source === 'User' && state.settings.rules.autoApprovingScopes.has(event.named.scope);
}

/** The preview of 2017: so many maintenance operations that users asked for, and no more, at a time. */
function refuseUserOperation(
  state: PlatformState,
): (CommandStep['outcome'] & { readonly kind: 'refused' }) | undefined {
  const { maxUserOperations } = state.settings.rules;
  if (maxUserOperations === undefined) return undefined;
  const live = [...state.scopes.values()].flatMap((scope) => scope.events).filter((event) => event.source === 'User');
  if (live.length < maxUserOperations) return undefined;
  const message =
    `at most ${maxUserOperations} operations that users asked for may be on their way at once, and so many are; ` +
    `wait until one is over or cancel one: ${live.map((event) => event.id).join(', ')}`;
  return { kind: 'refused', reason: 'too-many-user-operations', message };
}

/** Seen in captured Freeze events (5, 6, 30; the documentation's example is 9). */
const DEFAULT_FREEZE_SECONDS = 5;
/** Captured Reboot, Redeploy and Preempt events all say so. */
const UNKNOWN_DURATION = -1;

/** Azure sends NotBefore in whole seconds; rounding up keeps the notice that was promised. */
function wholeSecondsUp(ms: number): number {
  return Math.ceil(ms / 1000) * 1000;
}

const DEFAULT_SOURCE: Readonly<Record<EventType, EventSource>> = {
  Freeze: 'Platform',
  Reboot: 'User',
  Redeploy: 'User',
  Preempt: 'Platform',
  Terminate: 'User',
};

/** The texts that Azure documents or sends (Azure docs, Scheduled Events, "Description"); empty where captures are. */
function describe(command: ScheduleCommand, source: EventSource): string {
  if (command.entry === 'failure') return 'Virtual machine has encountered a failure.';
  switch (command.type) {
    case 'Freeze':
      return 'Virtual machine is being paused because of a memory-preserving Live Migration operation.';
    case 'Reboot':
      return source === 'User'
        ? 'Virtual machine is going to be restarted as requested by authorized user.'
        : 'Host server is undergoing maintenance.';
    case 'Redeploy':
      return source === 'User'
        ? 'Virtual machine is going to be redeployed as requested by authorized user.'
        : 'Host server is undergoing an emergency repair.';
    case 'Preempt':
    case 'Terminate':
      return '';
    default:
      return command.type satisfies never;
  }
}

type Resolved =
  | { readonly kind: 'found'; readonly vms: readonly Vm[]; readonly scope: string }
  | { readonly kind: 'refused'; readonly reason: PlatformRefusal; readonly message: string };

/**
 * The VMs that an event names: they exist, see events together, and are in at most one update domain (Azure docs up to
 * 2020, Scheduled Events, "Resources": guaranteed then, and still what routine maintenance does), unless the rules say else.
 */
function resolveResources(state: PlatformState, names: readonly string[]): Resolved {
  const vms = new Map<string, Vm>();
  for (const name of names) {
    const vm = vmOrUndefined(state, name);
    if (vm === undefined) {
      const known = [...state.vms.values()].map((other) => other.name);
      return refuse('unknown-vm', `no VM ${JSON.stringify(name)}; known: ${known.join(', ')}`);
    }
    const goneAs = state.goneVms.get(name.toLowerCase());
    if (goneAs !== undefined) return refuse('vm-gone', `VM ${vm.name} does not run: it is ${goneAs}`);
    vms.set(vm.name, vm);
  }
  const found = [...vms.values()];
  const first = found[0];
  if (first === undefined) return refuse('no-resources', 'expected the name of at least one VM, got none');
  const stranger = found.find((vm) => vm.scope !== first.scope);
  if (stranger !== undefined) {
    return refuse(
      'several-scopes',
      `one event names VMs of one scope: ${first.name} is in ${first.scope}, ${stranger.name} in ${stranger.scope}`,
    );
  }
  const other = found.find((vm) => vm.updateDomain !== first.updateDomain);
  if (other !== undefined && !state.settings.rules.allowsSeveralUpdateDomains) {
    return refuse(
      'several-update-domains',
      `one event names VMs of one update domain: ${first.name} is in ${first.updateDomain}, ${other.name} in ${other.updateDomain}`,
    );
  }
  return { kind: 'found', vms: found, scope: first.scope };
}

function refuse(reason: PlatformRefusal, message: string): Resolved {
  return { kind: 'refused', reason, message };
}
