import type { PortPicker } from './free-ports.ts';
import { describeVm, factsOf, planOf, type EmulatedVm, type ProgramFiles } from './emulated-vm.ts';
import type { FaultBoard } from './fault-board.ts';
import type { Environment } from '../common/runtime/environment.ts';
import { UserError } from '../common/runtime/errors.ts';
import type { ListenAddress } from '../common/runtime/listen.ts';
import type { Fleet, FleetVm } from './fleet/fleet.ts';
import type { Host } from './hosts/host.ts';
import type { HostedVmPlan } from './hosts/hosted-vm.ts';
import type { MetadataCredentials } from './metadata/credentials.ts';
import { computerName } from './metadata/instance.ts';
import type { MetadataServer } from './metadata/metadata-server.ts';
import type { VmNetwork, VmNetworks } from './network/namespaces.ts';
import type { PlatformRunner } from './platform-runner.ts';
import type { PlatformOutcome } from './platform/effects.ts';
import type { ScopeKind } from './platform/state.ts';
import type { KeptAddresses } from './state/kept-parts.ts';
import type { KeptPart } from './state/state-keeper.ts';
import { createFleetMetadata, startVmMetadata, type FleetMetadata } from './vm-metadata.ts';
import type { Clock } from '../common/runtime/clock.ts';

/** The VMs there are now, each with its metadata service; more come and some go while the fleet runs. */
export interface VmRack {
  /** Always the present ones: the same array, changed in place. */
  readonly seen: readonly EmulatedVm[];
  find(vm: string): EmulatedVm | undefined;
  /** As the fleet file or a deployment describes it. */
  sourceOf(vm: string): FleetVm | undefined;
  /** Before the host starts: metadata service, ports and, for the process host, the plan of a VM that the platform knows. */
  prepare(source: FleetVm): Promise<HostedVmPlan>;
  /** A new VM: known to the platform first, then with a metadata service, last started. Rejects when it is not to be. */
  add(source: FleetVm, scopeKind: ScopeKind): Promise<EmulatedVm>;
  /** Ends a VM and everything about it. */
  remove(vm: string): Promise<void>;
  /** Its user stops it; its disk stays. */
  stop(vm: string, as: 'stopped' | 'deallocated'): Promise<void>;
  /** Its user starts it again. Rejects when it does not come up. */
  start(vm: string): Promise<void>;
  /** From now on VMs are told that the public address is this one. */
  setFrontend(address: ListenAddress): void;
  /** Takes metadata services off the network, or puts them back, as their faults say. */
  applyReachability(): Promise<void>;
  close(): Promise<void>;
}

export interface VmRackOptions {
  readonly fleet: Fleet;
  readonly environment: Environment;
  readonly programs: ProgramFiles;
  readonly runner: PlatformRunner;
  readonly clock: Clock;
  readonly picker: PortPicker;
  readonly host: Host;
  /** Parent of the VMs' folders, where there is one. */
  readonly folder: string | undefined;
  /** Where VMs have a network each. */
  readonly networks: VmNetworks | undefined;
  readonly faults: () => FaultBoard;
  readonly credentials: MetadataCredentials;
  readonly past: FleetMetadata['past'];
  /** Where VMs were in an earlier run, so that their clients find them again. */
  readonly keptAddresses: KeptPart<KeptAddresses | undefined>;
}

interface Built {
  readonly source: FleetVm;
  readonly server: MetadataServer;
  readonly seen: EmulatedVm;
  readonly plan: HostedVmPlan;
}

export function createVmRack(options: VmRackOptions): VmRack {
  const { fleet, runner, clock, picker, host, folder, networks } = options;
  const built = new Map<string, Built>();
  let frontend: ListenAddress | undefined;
  const metadata = createFleetMetadata({
    fleet,
    runner,
    clock,
    picker,
    credentials: options.credentials,
    past: options.past,
    balancedPort: ({ vm }) => {
      const { balancing } = fleet;
      if (frontend === undefined || balancing?.role !== vm.role) return undefined;
      const backendPort = built.get(vm.name)?.seen.ports[balancing.serves];
      return backendPort === undefined ? undefined : { frontend, backendPort };
    },
  });
  options.keptAddresses.provide(() => addressesOf(built));
  const seenVms: EmulatedVm[] = [];
  let isClosed = false;

  const prepare = async (source: FleetVm): Promise<HostedVmPlan> => {
    const { name } = source.vm;
    const before = options.keptAddresses.found?.[name];
    const fault = (): ReturnType<FaultBoard['of']> => options.faults().of(name);
    const server = await startVmMetadata(source, metadata, { fault, port: before?.metadata });
    const hostName = computerName(factsOf(source, fleet));
    const network = await networkOf(source, { server, hostName }, networks);
    const seen = await describeVm(source, { server, network, picker, folder, ports: before?.ports ?? {} });
    // Whoever closes has not seen this one: it must not stay open after everything else.
    if (isClosed) {
      await networks?.remove(name);
      await server.close();
      throw new UserError('EMULATOR_ENDS', `VM ${name} was not started: the emulator ends`);
    }
    const plan = planOf(source, seen, { ...options, network });
    built.set(name, { source, server, seen, plan });
    seenVms.push(seen);
    return plan;
  };

  const remove = async (vm: string): Promise<void> => {
    const found = built.get(vm);
    if (found === undefined) return;
    built.delete(vm);
    seenVms.splice(seenVms.indexOf(found.seen), 1);
    await host.remove(vm);
    await networks?.remove(vm);
    await found.server.close();
    runner.submit({ kind: 'remove-vm', vm });
  };

  return {
    seen: seenVms,
    find: (vm) => built.get(vm)?.seen,
    sourceOf: (vm) => built.get(vm)?.source,
    prepare,
    add: async (source, scopeKind) => {
      throwIfRefused(runner.submit({ kind: 'add-vm', vm: source.vm, scopeKind }));
      try {
        await host.add(await prepare(source));
        return seenOf(built, source.vm.name);
      } catch (error) {
        await remove(source.vm.name);
        runner.submit({ kind: 'remove-vm', vm: source.vm.name });
        throw error;
      }
    },
    remove,
    ...createPower(options, built),
    setFrontend: (address) => {
      frontend = address;
    },
    applyReachability: async () => {
      await applyReachability(built, options.faults());
    },
    close: async () => {
      isClosed = true;
      await networks?.close();
      await Promise.all([...built.values()].map(async ({ server }) => await server.close()));
    },
  };
}

function addressesOf(built: ReadonlyMap<string, Built>): KeptAddresses {
  return Object.fromEntries(
    [...built].map(([name, { server, seen }]) => [name, { metadata: server.address.port, ports: seen.ports }]),
  );
}

async function applyReachability(built: ReadonlyMap<string, Built>, faults: FaultBoard): Promise<void> {
  await Promise.all(
    [...built].map(async ([name, { server }]) => {
      await server.setReachable(faults.of(name)?.kind !== 'unreachable');
    }),
  );
}

/** Stopping and starting VMs: known to the platform first, so that it is kept before it is done. */
function createPower(
  { runner, host }: Pick<VmRackOptions, 'runner' | 'host'>,
  built: ReadonlyMap<string, Built>,
): Pick<VmRack, 'stop' | 'start'> {
  return {
    stop: async (vm, as) => {
      throwIfRefused(runner.submit({ kind: 'stop-vm', vm, as }));
      await host.stop(vm, as === 'deallocated');
    },
    start: async (vm) => {
      const plan = built.get(vm)?.plan;
      if (!runner.state.goneVms.has(vm.toLowerCase()) || plan === undefined) return;
      throwIfRefused(runner.submit({ kind: 'start-vm', vm }));
      try {
        await host.add(plan);
      } catch (error) {
        runner.submit({ kind: 'stop-vm', vm, as: 'stopped' });
        throw error;
      }
    },
  };
}

function throwIfRefused(outcome: PlatformOutcome): void {
  if (outcome.kind === 'refused') throw new Error(outcome.message);
}

async function networkOf(
  { vm, metadataAt }: FleetVm,
  { server, hostName }: { readonly server: MetadataServer; readonly hostName: string },
  networks: VmNetworks | undefined,
): Promise<VmNetwork | undefined> {
  try {
    return await networks?.open(vm.name, { metadata: server.address, hostName, metadataAt });
  } catch (error) {
    await server.close();
    throw error;
  }
}

function seenOf(built: ReadonlyMap<string, Built>, name: string): EmulatedVm {
  const found = built.get(name);
  if (found === undefined) throw new Error(`VM ${name} was removed while it started`);
  return found.seen;
}
