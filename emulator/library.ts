import path from 'node:path';
import type { Clock } from '../common/runtime/clock.ts';
import { parseDurationOrUndefined } from '../common/runtime/duration.ts';
import { systemEnvironment } from '../common/runtime/environment.ts';
import { EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { isLoopback, listenAddressSchema, type ListenAddress } from '../common/runtime/listen.ts';
import type { Activity } from './activity.ts';
import type { ScaleRequest, SlotView } from './cloud-service/service.ts';
import type { ServiceDefinition } from './cloud-service/upload.ts';
import type { ComputeVerb } from './compute/target.ts';
import type { EventView } from './control/event-view.ts';
import type { FleetView, NewFault, Operations } from './control/operations.ts';
import { serviceOf } from './control/service-routes.ts';
import { parseSignedDurationOrUndefined } from './fault-span.ts';
import type { Fault, FaultKind } from './faults.ts';
import { loadFleet, parseFleet } from './fleet/load-fleet.ts';
import type { Fleet } from './fleet/fleet.ts';
import type { MaintenanceView, NewMaintenance } from './maintenance-runner.ts';
import type { EventSource, EventType } from './platform/state.ts';
import { startEmulator as startFleet } from './start-emulator.ts';

export { steppedClock, SteppedClock } from './clock/stepped-clock.ts';
export type { Activity, Clock, EventView, Fault, FleetView, MaintenanceView, SlotView };

/** What `startEmulator` may be told; everything has a default. */
export interface StartOptions {
  /** A fleet file's YAML. Without it and without `fleetFile`: one VM, `vm0`, which nobody runs. */
  readonly fleetText?: string;
  /** Path of a fleet file. */
  readonly fleetFile?: string;
  /** `steppedClock()` for a test that moves time itself (needs `host: none`); the real clock otherwise. */
  readonly clock?: Clock;
  /** Keeps events, incarnations and approvals in this file over restarts. */
  readonly stateFile?: string;
  /** Where the control API listens, `127.0.0.1:7070`; any free port of loopback unless said, whatever the fleet says. */
  readonly control?: string;
}

/** An event to be made; what is left out gets the type's default. Durations like `30s`. */
export interface EventToSchedule {
  readonly type: EventType;
  /** Resource names, in any case of letters; all of one scope. */
  readonly vms: readonly string[];
  readonly notice?: string;
  readonly durationSeconds?: number;
  readonly description?: string;
  readonly source?: EventSource;
  /** `failure`: started at once, because the hardware failed. `approved-by-policy`: started at once. */
  readonly entry?: 'announced' | 'approved-by-policy' | 'failure';
}

/** A fault of metadata services; `for`, `latency` and `by` are durations like `10s`. */
export interface FaultToSet {
  readonly kind: FaultKind;
  readonly vm?: string;
  readonly for?: string;
  readonly latency?: string;
  /** Of `behind`, and of `clock-skew`, where `-20s` sets the clock back. */
  readonly by?: string;
}

/** Maintenance of one domain after another; what is left out: update domains, Freeze, the least notice of the type. */
export interface MaintenanceToBegin extends Partial<Pick<NewMaintenance, 'by' | 'type' | 'durationSeconds'>> {
  /** A role of the cloud service, or a scope; in any case of letters. */
  readonly target: string;
  readonly notice?: string;
}

/** A running emulator, with the verbs of the command line. `await using` closes it. */
export interface TestEmulator extends AsyncDisposable {
  /** The control API, `http://127.0.0.1:PORT`. */
  readonly control: string;
  /** `http://127.0.0.1:PORT`; undefined without a cloud service that serves. */
  readonly publicAddress: string | undefined;
  /** The compute API and the certificate to trust; undefined unless the fleet has `compute`. */
  readonly compute: { readonly url: string; readonly caFile: string } | undefined;
  /** The metadata service that the VM of this name sees: `http://127.0.0.1:PORT`, in place of `http://169.254.169.254`. */
  metadata(vm: string): string;
  schedule(wanted: EventToSchedule): EventView;
  cancel(eventId: string): void;
  start(eventId: string): void;
  complete(eventId: string): void;
  /** As the VM of this name would by its metadata service. */
  approve(eventId: string, vm: string): void;
  /** What a VM's user does through portal or compute API; undefined when it is done at once, without an event. */
  operate(verb: ComputeVerb, vm: string): Promise<EventView | undefined>;
  /** Maintenance of a whole role or scope, one domain after another. */
  maintain(wanted: MaintenanceToBegin): MaintenanceView;
  /** Takes back what has not started of a maintenance, by its id. */
  cancelMaintenance(id: string): MaintenanceView;
  maintenance(): readonly MaintenanceView[];
  /** Gives a role of the cloud service more instances or fewer; of production unless said. */
  scale(wanted: Omit<ScaleRequest, 'slot'> & Partial<Pick<ScaleRequest, 'slot'>>): Promise<readonly SlotView[]>;
  /** Starts a deployment in the staging slot: a file with `roles`, in whose folder its commands run. */
  upload(definition: ServiceDefinition): Promise<readonly SlotView[]>;
  /** Exchanges the slots. */
  swap(): Promise<readonly SlotView[]>;
  /** The slots of the cloud service. */
  service(): readonly SlotView[];
  fault(wanted: FaultToSet): Promise<Fault>;
  /** Of one VM, or all. */
  clearFaults(vm?: string): Promise<void>;
  faults(): readonly Fault[];
  /** Moves a stepped clock, by milliseconds or a duration like `15m`. */
  advance(by: number | string): Promise<void>;
  /** Epoch milliseconds. */
  now(): number;
  fleet(): FleetView;
  /** All events, those that are over first. */
  events(): readonly EventView[];
  /** Calls `listener` with everything that happens; the returned function ends it. */
  watch(listener: (activity: Activity) => void): () => void;
  close(): Promise<void>;
}

/**
 * Starts an emulator inside this process, on free ports of loopback. Throws a `UserError` whose message says what is wrong
 * with the fleet or what could not be opened.
 */
export async function startEmulator(options: StartOptions = {}): Promise<TestEmulator> {
  const environment = systemEnvironment();
  const fleet = await fleetOf(options);
  const emulator = await startFleet({
    fleet: { ...fleet, control: controlOf(options) },
    environment,
    programs: { node: process.execPath, forewarn: [process.execPath, path.join(import.meta.dirname, '..', CLI_FILE)] },
    ...(options.stateFile === undefined ? {} : { stateFile: options.stateFile }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const close = async (): Promise<void> => {
    await emulator.close();
  };
  return {
    control: emulator.control,
    publicAddress: emulator.publicAddress,
    compute: emulator.compute,
    ...verbsOf(emulator.operations),
    watch: (listener) => emulator.feed.subscribe(listener),
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Verbs = Omit<
  TestEmulator,
  'control' | 'publicAddress' | 'compute' | 'watch' | 'close' | typeof Symbol.asyncDispose
>;

function verbsOf(operations: Operations): Verbs {
  return {
    metadata: (name) => metadataOf(operations.fleet(), name),
    schedule: ({ vms, notice, ...wanted }) =>
      operations.schedule({ ...wanted, resources: vms, noticeMs: spanMs('notice', notice) }),
    cancel: (eventId) => {
      operations.cancel(eventId);
    },
    start: (eventId) => {
      operations.start(eventId);
    },
    complete: (eventId) => {
      operations.complete(eventId);
    },
    approve: (eventId, vm) => {
      operations.approve(vm, [eventId]);
    },
    operate: async (verb, vm) => await operations.operate(verb, vm),
    maintain: ({ notice, by = 'update-domain', type = 'Freeze', ...wanted }) =>
      operations.maintenance.begin({ ...wanted, by, type, noticeMs: spanMs('notice', notice) }),
    cancelMaintenance: (id) => operations.maintenance.cancel(id),
    maintenance: () => operations.maintenance.list(),
    scale: async (wanted) => await serviceOf(operations).scale({ slot: 'production', ...wanted }),
    upload: async (definition) => await serviceOf(operations).upload(definition),
    swap: async () => await serviceOf(operations).swap(),
    service: () => serviceOf(operations).view(),
    fault: async ({ kind, vm, for: span, latency, by }) => {
      const wanted: NewFault = {
        kind,
        vm,
        forMs: spanMs('for', span),
        latencyMs: spanMs('latency', latency),
        byMs: spanMs('by', by, parseSignedDurationOrUndefined),
      };
      return await operations.setFault(wanted);
    },
    clearFaults: async (vm) => {
      await operations.clearFaults(vm);
    },
    faults: () => operations.faults(),
    advance: async (by) => {
      await operations.clock.advance(typeof by === 'number' ? by : (spanMs('by', by) ?? 0));
    },
    now: () => operations.clock.view().nowMs,
    fleet: () => operations.fleet(),
    events: () => operations.events(),
  };
}

/** The command beside this library: TypeScript in a checkout, JavaScript in the package. */
const CLI_FILE = import.meta.filename.endsWith('.ts') ? 'cli.ts' : 'cli.js';

const ONE_VM = 'host: none\nvms: [{ name: vm0 }]\n';

async function fleetOf({ fleetFile, fleetText }: StartOptions): Promise<Fleet> {
  if (fleetFile !== undefined && fleetText !== undefined) {
    const message = 'expected fleetFile or fleetText, got both';
    throw new UserError('TWO_FLEETS', message, { exitStatus: EXIT_USAGE });
  }
  const environment = systemEnvironment();
  if (fleetFile !== undefined) return await loadFleet(fleetFile, environment);
  return parseFleet({ file: path.resolve('fleetText'), text: fleetText ?? ONE_VM }, environment);
}

function controlOf({ control = '127.0.0.1:0' }: StartOptions): ListenAddress {
  const parsed = listenAddressSchema.safeParse(control);
  if (parsed.success && isLoopback(parsed.data.host)) return parsed.data;
  const message = `control: expected an address of loopback like "127.0.0.1:7070", got ${JSON.stringify(control)}`;
  throw new UserError('BAD_ADDRESS', message, { exitStatus: EXIT_USAGE });
}

function metadataOf(fleet: FleetView, name: string): string {
  const found = fleet.vms.find((vm) => vm.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found.metadata;
  const known = fleet.vms.map((vm) => vm.name).join(', ');
  throw new UserError('UNKNOWN_VM', `no VM ${JSON.stringify(name)}; known: ${known}`, { exitStatus: EXIT_USAGE });
}

function spanMs(key: string, text: string | undefined, parse = parseDurationOrUndefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parse(text);
  if (ms !== undefined) return ms;
  const message = `${key}: expected a duration like "30s" or "1m30s", got ${JSON.stringify(text)}`;
  throw new UserError('BAD_DURATION', message, { exitStatus: EXIT_USAGE });
}
