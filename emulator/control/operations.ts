import type { Clock } from '../../common/runtime/clock.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import type { ActivityFeed } from '../activity.ts';
import { createClockVerbs, type ClockVerbs } from '../clock/clock-verbs.ts';
import type { ComputeVerb } from '../compute/target.ts';
import { performUserOperation } from '../compute/user-operation.ts';
import type { Credentials } from '../credentials/credentials.ts';
import type { CloudService } from '../cloud-service/service.ts';
import type { FaultBoard } from '../fault-board.ts';
import { faultSpan } from '../fault-span.ts';
import { DEFAULT_LATENCY_MS, type Fault, type FaultKind } from '../faults.ts';
import { createMaintenanceRunner, type MaintenanceRunner } from '../maintenance-runner.ts';
import type { PlatformRunner } from '../platform-runner.ts';
import type { PlatformOutcome } from '../platform/effects.ts';
import type { ScheduleCommand } from '../platform/schedule.ts';
import { eventOrUndefined, vmOrUndefined, type Vm } from '../platform/state.ts';
import type { VmRack } from '../vm-rack.ts';
import type { KeptMaintenance } from '../state/kept-parts.ts';
import type { KeptPart } from '../state/state-keeper.ts';
import { eventViews, viewOf, type EventView } from './event-view.ts';

/** What is asked for when an event is made; what is left out gets the type's default. */
export type NewEvent = Omit<ScheduleCommand, 'kind' | 'eventId' | 'entry'> & {
  readonly entry?: ScheduleCommand['entry'];
};

export interface NewFault {
  readonly kind: FaultKind;
  /** In any case of letters; undefined = every VM. */
  readonly vm?: string | undefined;
  readonly forMs?: number | undefined;
  readonly latencyMs?: number | undefined;
  readonly byMs?: number | undefined;
}

/** A VM as the platform knows it, and what the emulator has made of it. */
export interface VmView extends Vm {
  readonly metadata: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly folder: string | null;
  readonly isGone: boolean;
  /** Whether new connections of the public address are given to it; null when it is not behind one. */
  readonly isServing: boolean | null;
  readonly connections: number | null;
}

export interface FleetView {
  readonly publicAddress: string | null;
  readonly vms: readonly VmView[];
}

/** Everything the operator of an emulator can do: behind the control API, and for tests in the same process. */
export interface Operations {
  readonly feed: ActivityFeed;
  readonly clock: ClockVerbs;
  fleet(): FleetView;
  events(): readonly EventView[];
  /** Throws a `UserError` with the reason when the platform refuses. */
  schedule(wanted: NewEvent): EventView;
  cancel(eventId: string): void;
  start(eventId: string): void;
  complete(eventId: string): void;
  /** Approves events as the VM itself would by its metadata service: for whoever plays a VM in the same process. */
  approve(vm: string, eventIds: readonly string[]): void;
  /**
   * What a user does to a VM through portal or compute API. Returns the event that it became; undefined when it is done at
   * once, because nothing announces that: the VM is stopped, started or gone.
   */
  operate(verb: ComputeVerb, vm: string): Promise<EventView | undefined>;
  faults(): readonly Fault[];
  setFault(wanted: NewFault): Promise<Fault>;
  clearFaults(vm?: string): Promise<void>;
  /** Maintenance of whole roles and scopes, domain by domain. */
  readonly maintenance: MaintenanceRunner;
  /** Roles, slots and deployments; undefined when the fleet has no cloud service. */
  readonly service: CloudService | undefined;
  /** What clients of the emulator verify its tokens and certificates with. */
  readonly trust: Pick<Credentials, 'authority' | 'keySet'>;
}

export interface OperationsContext {
  readonly runner: PlatformRunner;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly keptMaintenance: KeptPart<KeptMaintenance | undefined>;
  readonly faults: FaultBoard;
  readonly feed: ActivityFeed;
  readonly credentials: Credentials;
  readonly service: CloudService | undefined;
  readonly publicAddress: string | undefined;
  readonly rack: Pick<VmRack, 'seen' | 'remove' | 'stop' | 'start'>;
}

export function createOperations(context: OperationsContext): Operations {
  const { runner, clock, random, faults, feed } = context;
  const submit = (command: Parameters<PlatformRunner['submit']>[0]): void => {
    throwIfRefused(runner.submit(command));
  };
  const knownVm = (name: string): Vm => {
    const vm = vmOrUndefined(runner.state, name);
    if (vm !== undefined) return vm;
    const known = [...runner.state.vms.values()].map((other) => other.name).join(', ');
    throw new UserError('UNKNOWN_VM', `no VM ${JSON.stringify(name)}; known: ${known}`, { exitStatus: EXIT_USAGE });
  };
  return {
    feed,
    service: context.service,
    maintenance: createMaintenanceRunner({ runner, feed, random, clock, kept: context.keptMaintenance }),
    trust: context.credentials,
    clock: createClockVerbs(clock),
    fleet: () => fleetView(context),
    events: () => eventViews(runner.state),
    schedule: (wanted) => {
      const eventId = random.uuid().toUpperCase();
      submit({ ...wanted, kind: 'schedule', eventId, entry: wanted.entry ?? 'announced' });
      return viewOfNew(runner, eventId);
    },
    cancel: (eventId) => {
      submit({ kind: 'cancel', eventId });
    },
    start: (eventId) => {
      submit({ kind: 'start', eventId });
    },
    complete: (eventId) => {
      submit({ kind: 'complete', eventId });
    },
    approve: (vm, eventIds) => {
      const { name } = knownVm(vm);
      submit({ kind: 'enable', vm: name });
      submit({ kind: 'approve', vm: name, eventIds });
    },
    operate: async (verb, vm) => {
      const found = await performUserOperation(verb, knownVm(vm), {
        runner,
        random,
        rack: context.rack,
      });
      if (found.kind === 'refused') throw refused(found.reason, found.message);
      return found.kind === 'event' ? viewOfNew(runner, found.eventId) : undefined;
    },
    faults: () => faults.list(),
    setFault: async (wanted) => {
      const fault: Fault = {
        kind: wanted.kind,
        vm: wanted.vm === undefined ? undefined : knownVm(wanted.vm).name,
        latencyMs: wanted.latencyMs ?? DEFAULT_LATENCY_MS,
        ...faultSpan(wanted.kind, wanted.byMs),
        untilMs: wanted.forMs === undefined ? undefined : clock.now() + wanted.forMs,
      };
      await faults.set(fault);
      return fault;
    },
    clearFaults: async (vm) => {
      await faults.clear(vm === undefined ? undefined : knownVm(vm).name);
    },
  };
}

function throwIfRefused(outcome: PlatformOutcome): void {
  if (outcome.kind === 'accepted') return;
  throw refused(outcome.reason, outcome.message);
}

function refused(reason: keyof typeof REFUSAL_CODES, message: string): UserError {
  return new UserError(REFUSAL_CODES[reason], message, { exitStatus: EXIT_USAGE });
}

/** One without notice and without impact may be over already. */
function viewOfNew(runner: PlatformRunner, eventId: string): EventView {
  const event = eventOrUndefined(runner.state, eventId);
  const view = event === undefined ? undefined : viewOf(event, undefined);
  const found = view ?? eventViews(runner.state).find((other) => other.eventId === eventId);
  if (found === undefined) throw new Error(`event ${eventId} was accepted and is nowhere`);
  return found;
}

const REFUSAL_CODES = {
  'unknown-vm': 'UNKNOWN_VM',
  'vm-gone': 'VM_GONE',
  'vm-exists': 'VM_EXISTS',
  'several-scopes': 'SEVERAL_SCOPES',
  'several-update-domains': 'SEVERAL_UPDATE_DOMAINS',
  'no-resources': 'NO_RESOURCES',
  'unknown-event': 'UNKNOWN_EVENT',
  'already-started': 'ALREADY_STARTED',
  'not-started': 'NOT_STARTED',
  'too-many-user-operations': 'TOO_MANY_USER_OPERATIONS',
  'not-for-this-vm': 'REFUSED',
} as const;

function fleetView(context: OperationsContext): FleetView {
  const { runner, service } = context;
  const serving = new Map(service?.status().map((found) => [found.vm, found]));
  const seen = new Map(context.rack.seen.map((found) => [found.name, found]));
  return {
    publicAddress: context.publicAddress ?? null,
    vms: [...runner.state.vms.values()].map((vm) => ({
      name: vm.name,
      scope: vm.scope,
      role: vm.role,
      vmId: vm.vmId,
      updateDomain: vm.updateDomain,
      faultDomain: vm.faultDomain,
      zone: vm.zone,
      metadata: seen.get(vm.name)?.metadata ?? '',
      ports: seen.get(vm.name)?.ports ?? {},
      folder: seen.get(vm.name)?.folder ?? null,
      isGone: runner.state.goneVms.has(vm.name.toLowerCase()),
      isServing: serving.get(vm.name)?.isUp ?? null,
      connections: serving.get(vm.name)?.connections ?? null,
    })),
  };
}
