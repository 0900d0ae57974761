import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock, type Clock } from '../common/runtime/clock.ts';
import type { Environment } from '../common/runtime/environment.ts';
import { Closers } from '../common/runtime/lifecycle.ts';
import { silentLog, type Log } from '../common/runtime/log.ts';
import { systemRandom, type RandomSource } from '../common/runtime/random.ts';
import { refuseSteppedProcesses } from './clock/stepped-fleet.ts';
import { createActivityFeed, type ActivityFeed } from './activity.ts';
import { fleetOfBeginning, serviceBeginning, type ServiceBeginning } from './cloud-service/kept-service.ts';
import { startService } from './cloud-service/start-service.ts';
import { readControlAccess } from './control/control-access.ts';
import { controlCertificate } from './control/control-tls.ts';
import type { ControlAccess } from './control/control-guard.ts';
import { startControlServer } from './control/control-server.ts';
import { createOperations, type Operations } from './control/operations.ts';
import { createCredentials, type Credentials } from './credentials/credentials.ts';
import { createFaultBoard } from './fault-board.ts';
import { createPortPicker } from './free-ports.ts';
import { resolveCommand, type EmulatedVm, type ProgramFiles } from './emulated-vm.ts';
import { startCompute } from './compute/start-compute.ts';
import type { ComputeServer } from './compute/compute-server.ts';
import type { Fleet } from './fleet/fleet.ts';
import type { Host } from './hosts/host.ts';
import type { HostedVmPlan } from './hosts/hosted-vm.ts';
import { createCommandHost } from './hosts/command-host.ts';
import { createNoneHost } from './hosts/none-host.ts';
import { createProcessHost } from './hosts/process-host.ts';
import { requireProcessHost } from './hosts/require-host.ts';
import { createVmNetworks, type VmNetworks } from './network/namespaces.ts';
import { createPastDocuments, type PastDocuments } from './past-documents.ts';
import { createPlatformRunner, type PlatformRunner, type PlatformRunnerOptions } from './platform-runner.ts';
import { createStateKeeper, type StateKeeper } from './state/state-keeper.ts';
import { createVmRack, type VmRack } from './vm-rack.ts';

export interface EmulatorOptions {
  readonly fleet: Fleet;
  /** Environment that the commands of VMs inherit. */
  readonly environment: Environment;
  readonly programs: ProgramFiles;
  readonly clock?: Clock;
  readonly random?: RandomSource;
  readonly log?: Log;
  /** Keeps everything that was acknowledged over restarts; undefined: it ends with the emulator. */
  readonly stateFile?: string;
}

/** A running emulator. `await using` closes it. */
export interface Emulator extends AsyncDisposable {
  /** `http://127.0.0.1:7070` */
  readonly control: string;
  /** `http://127.0.0.1:8080`; undefined without a cloud service that serves. */
  readonly publicAddress: string | undefined;
  /** Those there are now; scaling and deleting change it. */
  readonly vms: readonly EmulatedVm[];
  /** The compute API; undefined when the fleet does not ask for one. */
  readonly compute: Pick<ComputeServer, 'url' | 'caFile'> | undefined;
  /** What the control API does, without HTTP between. */
  readonly operations: Operations;
  readonly feed: ActivityFeed;
  /** Ends every VM, closes everything, removes the temporary folder. Takes less than 5 s. */
  close(): Promise<void>;
}

/**
 * Starts a fleet: metadata services first (VMs ask them while they boot), then the VMs, then the public address, last the
 * control API. A failure on the way closes what was opened.
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const closers = new Closers();
  try {
    // First: a token that is not there should not cost the start of a fleet.
    const access = await readControlAccess(options.fleet.controlAccess, options.log ?? silentLog);
    return await start(options, closers, access);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function start(options: EmulatorOptions, closers: Closers, access: ControlAccess): Promise<Emulator> {
  const { environment, programs, clock = systemClock, random = systemRandom, log = silentLog } = options;
  refuseSteppedProcesses(options.fleet, clock);
  const keeper = createStateKeeper(options.stateFile);
  const { fleet, beginning } = beginFleet(options, keeper);
  const feed = loggedFeed(clock, log);
  const folder = await fleetFolder(fleet, closers);
  const picker = await createPortPicker(random);

  const plans: HostedVmPlan[] = [];
  const host = createHost({ fleet, plans, folder, clock, log, feed }, options.programs);
  const past = createPastDocuments(() => clock.now());
  const runner = runPlatform(keeper, { fleet, past }, { clock, host, feed, log });
  const faults = createFaultBoard({
    clock,
    feed,
    applyReachability: async () => {
      await rack.applyReachability();
    },
    past,
    kept: keeper.part('faults'),
  });
  const credentials = createCredentials(clock, keeper);
  const networks = await networksOf(fleet, { nodeFile: programs.node, random, log });
  const keptAddresses = keeper.part('addresses');
  const rack = createVmRack({
    fleet,
    environment,
    programs,
    runner,
    clock,
    picker,
    host,
    folder,
    networks,
    faults: () => faults,
    credentials,
    past: past.under,
    keptAddresses,
  });
  closers.add(async () => {
    faults.stop();
    runner.stop();
    await rack.close();
  });
  plans.push(...(await preparePlans(fleet, rack, runner)));
  keptAddresses.save();
  closers.add(async () => {
    await host.close();
  });
  await host.start();
  await faults.resume();
  runner.resume();
  const whole = { fleet, rack, runner, clock, feed, environment, closers, random, credentials };
  const service = await startService({ ...whole, beginning, kept: keeper.part('service') });
  if (service?.frontend !== undefined) rack.setFrontend(service.frontend);
  const publicAddress = service?.publicAddress;
  const operations = createOperations({
    ...whole,
    faults,
    keptMaintenance: keeper.part('maintenance'),
    service,
    publicAddress,
  });
  const compute = await startCompute({ ...whole, kept: keeper.part('operations') });
  const control = await openControl({ fleet, operations, access, credentials }, closers);
  const close = async (): Promise<void> => {
    await closers.close();
  };
  return {
    control,
    publicAddress,
    vms: rack.seen,
    compute,
    operations,
    feed,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The fleet as the file says, or as an earlier run left it. */
function beginFleet(
  { fleet, environment }: EmulatorOptions,
  keeper: StateKeeper,
): { readonly fleet: Fleet; readonly beginning: ServiceBeginning | undefined } {
  const { cloudService } = fleet;
  const beginning =
    cloudService === undefined ? undefined : serviceBeginning(cloudService, keeper.part('service').found, environment);
  return { fleet: keeper.withoutRemoved(fleetOfBeginning(fleet, beginning)), beginning };
}

/** Every state is kept, where one is to be, and then noted for services that are behind. */
function runPlatform(
  keeper: StateKeeper,
  { fleet, past }: { readonly fleet: Fleet; readonly past: PastDocuments },
  context: Pick<PlatformRunnerOptions, 'clock' | 'host' | 'feed' | 'log'>,
): PlatformRunner {
  const initial = keeper.begin(fleet, context.clock.now());
  past.note(initial);
  const keep: PlatformRunnerOptions['keep'] = (state) => {
    keeper.keep(state);
    past.note(state);
  };
  return createPlatformRunner({ ...context, initial, keep });
}

function loggedFeed(clock: Clock, log: Log): ActivityFeed {
  const feed = createActivityFeed(() => clock.now());
  feed.subscribe(({ at: _at, kind, ...fields }) => {
    log.info(fields, kind);
  });
  return feed;
}

/** A VM that was preempted or terminated in an earlier run has its metadata service, and stays gone. */
async function preparePlans(fleet: Fleet, rack: VmRack, runner: PlatformRunner): Promise<readonly HostedVmPlan[]> {
  const plans: HostedVmPlan[] = [];
  for (const source of fleet.vms) {
    const plan = await rack.prepare(source);
    if (!runner.state.goneVms.has(source.vm.name.toLowerCase())) plans.push(plan);
  }
  return plans;
}

async function networksOf(
  { network, forward }: Fleet,
  options: Omit<Parameters<typeof createVmNetworks>[0], 'forward'>,
): Promise<VmNetworks | undefined> {
  return network === 'namespaces' ? await createVmNetworks({ ...options, forward }) : undefined;
}

async function openControl(
  context: {
    readonly fleet: Fleet;
    readonly operations: Operations;
    readonly access: ControlAccess;
    readonly credentials: Credentials;
  },
  closers: Closers,
): Promise<string> {
  const { fleet, operations, access, credentials } = context;
  const place = { listen: fleet.control, hosts: access.hosts };
  const certificate = await controlCertificate(
    fleet.controlAccess.tls,
    place,
    async () => await credentials.authority(),
  );
  const server = await startControlServer(fleet.control, operations, { access, certificate });
  closers.add(async () => {
    await server.close();
  });
  return server.url;
}

async function fleetFolder(fleet: Fleet, closers: Closers): Promise<string | undefined> {
  if (fleet.host !== 'process' || fleet.folder !== undefined) return fleet.folder;
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-fleet-'));
  closers.add(async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  return folder;
}

interface HostContext {
  readonly fleet: Fleet;
  readonly plans: readonly HostedVmPlan[];
  readonly folder: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly feed: ActivityFeed;
}

function createHost(context: HostContext, programs: ProgramFiles): Host {
  const { fleet, plans, folder, clock, log, feed } = context;
  const report: Parameters<typeof createNoneHost>[1] = ({ kind, vm, eventId, detail }) => {
    feed.publish({ kind, vm, ...(eventId === undefined ? {} : { eventId }), detail });
  };
  if (fleet.host === 'command' && fleet.commands !== undefined) {
    const resolve = (command: readonly string[]): readonly string[] => resolveCommand(command, programs);
    return createCommandHost({ plans, commands: fleet.commands, resolve, clock, report });
  }
  if (fleet.host === 'none' || folder === undefined) return createNoneHost(clock, report);
  requireProcessHost(log);
  return createProcessHost({ plans, folder, clock, nodeFile: programs.node, log, report });
}
