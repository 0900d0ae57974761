import path from 'node:path';
import type { Environment } from '../common/runtime/environment.ts';
import { formatAddress } from '../common/runtime/listen.ts';
import type { PortPicker } from './free-ports.ts';
import { stableGuid, type Fleet, type FleetVm } from './fleet/fleet.ts';
import type { HostedVmPlan } from './hosts/hosted-vm.ts';
import type { InstanceFacts } from './metadata/instance.ts';
import type { MetadataServer } from './metadata/metadata-server.ts';
import type { VmNetwork } from './network/namespaces.ts';

/** A VM as everyone outside sees it. */
export interface EmulatedVm {
  readonly name: string;
  /** `http://127.0.0.1:PORT`, its metadata service. */
  readonly metadata: string;
  /** Where its ports are. */
  readonly address: string;
  /** Picked ports by name. */
  readonly ports: Readonly<Record<string, number>>;
  /** Its folder, where the host has one. */
  readonly folder: string | undefined;
}

/** How the commands of VMs are started. */
export interface ProgramFiles {
  /** The Node.js program: what `node` means in a VM's command. */
  readonly node: string;
  /** Program and arguments that `forewarn` stands for in a VM's command. */
  readonly forewarn: readonly string[];
}

/** The group that every VM of a fleet is in. */
export const RESOURCE_GROUP = 'forewarn';
/** And the subscription. */
const SUBSCRIPTION = stableGuid('subscription').toLowerCase();

/** What the VM's metadata service tells it about itself; whatever a fleet file does not say is made of the names. */
export function factsOf(source: FleetVm, fleet: Fleet): InstanceFacts {
  const { vm } = source;
  const scaleSet = vm.scaleSet ?? (fleet.scopes[vm.scope] === 'scale-set' ? vm.scope : '');
  const bytes = stableGuid(`address ${vm.vmId}`).replaceAll('-', '');
  return {
    name: vm.name,
    vmId: vm.vmId,
    location: fleet.location,
    resourceGroupName: RESOURCE_GROUP,
    subscriptionId: SUBSCRIPTION,
    updateDomain: vm.updateDomain,
    faultDomain: vm.faultDomain,
    zone: vm.zone,
    scaleSetName: scaleSet,
    placementGroupId: scaleSet === '' ? '' : stableGuid(`placement group ${scaleSet}`).toLowerCase(),
    tags: source.tags,
    privateAddress: `10.0.${Number.parseInt(bytes.slice(0, 2), 16)}.${4 + (Number.parseInt(bytes.slice(2, 4), 16) % 250)}`,
    // A VM behind the address of a service has none of its own.
    publicAddress: '',
    macAddress: `000D3A${bytes.slice(4, 10)}`,
    profile: source.profile,
  };
}

/** Of a VM that shares this machine's network. */
const LOOPBACK = '127.0.0.1';

/** Picks its ports. */
export async function describeVm(
  source: FleetVm,
  context: {
    readonly server: MetadataServer;
    readonly network: VmNetwork | undefined;
    readonly picker: PortPicker;
    readonly folder: string | undefined;
    /** As they were before. */
    readonly ports: Readonly<Record<string, number>>;
  },
): Promise<EmulatedVm> {
  const ports: Record<string, number> = {};
  for (const name of source.ports) ports[name] = await context.picker.pick(context.ports[name]);
  return {
    name: source.vm.name,
    metadata: `http://${formatAddress(context.server.address)}`,
    address: context.network?.address ?? LOOPBACK,
    ports,
    folder: context.folder === undefined ? undefined : path.join(context.folder, source.vm.name),
  };
}

/** A VM's commands with all that they are told by the environment. Disk, temporary folder and boot number come from the host. */
export function planOf(
  source: FleetVm,
  seen: EmulatedVm,
  options: {
    readonly fleet: Fleet;
    readonly environment: Environment;
    readonly programs: ProgramFiles;
    readonly network: VmNetwork | undefined;
  },
): HostedVmPlan {
  return {
    name: source.vm.name,
    workingFolder: source.workingFolder ?? options.fleet.workingFolder,
    launcher: options.network?.launcher ?? NO_LAUNCHER,
    run: Object.fromEntries(
      Object.entries(source.run).map(([name, command]) => [name, resolveCommand(command, options.programs)]),
    ),
    environment: () => environmentOf(source, seen, options),
  };
}

const NO_LAUNCHER: readonly string[] = [];

function environmentOf(
  source: FleetVm,
  seen: EmulatedVm,
  options: { readonly environment: Environment; readonly network: VmNetwork | undefined },
): Environment {
  const ports = Object.entries(seen.ports).map(([name, port]) => [`FOREWARN_VM_PORT_${name.toUpperCase()}`, `${port}`]);
  return {
    ...options.environment,
    ...source.environment,
    FOREWARN_VM_NAME: source.vm.name,
    FOREWARN_VM_ROLE: source.vm.role,
    FOREWARN_VM_SCOPE: source.vm.scope,
    // Undefined where DHCP tells it.
    FOREWARN_VM_METADATA: options.network === undefined ? seen.metadata : options.network.metadata,
    FOREWARN_VM_ADDRESS: seen.address,
    ...Object.fromEntries(ports),
  };
}

/** `node` and `forewarn` mean this very installation, whatever is on the PATH. */
export function resolveCommand(command: readonly string[], programs: ProgramFiles): readonly string[] {
  const [program, ...args] = command;
  if (program === 'node') return [programs.node, ...args];
  if (program === 'forewarn') return [...programs.forewarn, ...args];
  return command;
}
