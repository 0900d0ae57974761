import { scaleSetOf, type GoneAs, type PlatformState, type Vm } from '../platform/state.ts';
import { vmOfRef, type ComputePath, type VmRef } from './target.ts';

/** What the owner of a VM chose, as far as this API shows it. */
export interface ComputeFacts {
  /** `Standard_D2s_v5` */
  readonly size: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Where things are, for their ids: as the path had it, because neither subscription nor group is looked at. */
export interface ViewPlace {
  readonly subscription: string;
  readonly group: string;
  readonly location: string;
  /** What is known of a VM beside its state, by its resource name. */
  readonly factsOf: (vm: string) => ComputeFacts | undefined;
}

/** Power states as Azure names them (Azure docs, Virtual Machines, "States and billing status"). */
const POWER: Readonly<Record<GoneAs | 'running', readonly [code: string, displayStatus: string]>> = {
  running: ['PowerState/running', 'VM running'],
  stopped: ['PowerState/stopped', 'VM stopped'],
  deallocated: ['PowerState/deallocated', 'VM deallocated'],
  deleted: ['PowerState/deallocated', 'VM deallocated'],
};

/** What `instanceView` says of a VM. */
export function instanceView(state: PlatformState, vm: Vm): object {
  const [code, displayStatus] = POWER[state.goneVms.get(vm.name.toLowerCase()) ?? 'running'];
  return {
    platformUpdateDomain: vm.updateDomain,
    platformFaultDomain: vm.faultDomain,
    statuses: [
      { code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded' },
      { code, level: 'Info', displayStatus },
    ],
  };
}

/** A VM as a resource; its `instanceView` in it. */
export function vmResource(state: PlatformState, vm: Vm, place: ViewPlace): object {
  const ref = refTo(state, vm);
  const facts = place.factsOf(vm.name);
  const isMachine = ref.kind === 'machine';
  const zones = vm.zone === '' ? {} : { zones: [vm.zone] };
  return {
    id: `${providerOf(place)}/${pathOf(ref)}`,
    name: vm.name,
    type: `Microsoft.Compute/${TYPES[ref.kind]}`,
    location: place.location,
    ...zones,
    ...(facts === undefined ? {} : { tags: facts.tags }),
    // A machine has its size among its properties; an instance has it here.
    ...(facts === undefined || isMachine ? {} : { sku: skuOf(facts) }),
    ...(ref.kind === 'instance' ? { instanceId: ref.instance } : {}),
    properties: {
      vmId: vm.vmId.toLowerCase(),
      ...(facts === undefined || !isMachine ? {} : { hardwareProfile: { vmSize: facts.size } }),
      provisioningState: 'Succeeded',
      instanceView: instanceView(state, vm),
    },
  };
}

/** A scale set as a resource; undefined when there is none of that name. */
export function scaleSetResource(state: PlatformState, name: string, place: ViewPlace): object | undefined {
  const set = scaleSetsOf(state).find((found) => found.toLowerCase() === name.toLowerCase());
  if (set === undefined) return undefined;
  const members = membersOf(state, set);
  const [first] = members;
  const facts = first === undefined ? undefined : place.factsOf(first.name);
  return {
    id: `${providerOf(place)}/virtualMachineScaleSets/${set}`,
    name: set,
    type: 'Microsoft.Compute/virtualMachineScaleSets',
    location: place.location,
    ...(facts === undefined ? {} : { tags: facts.tags }),
    sku: { ...skuOf(facts), capacity: members.length },
    properties: { provisioningState: 'Succeeded', orchestrationMode: 'Uniform' },
  };
}

/** What a path that names a collection lists, all at once; undefined when what it is in is not there. */
export function collection(
  state: PlatformState,
  path: ComputePath & { kind: 'list' },
  place: ViewPlace,
): readonly object[] | undefined {
  switch (path.what) {
    case 'machines':
      return [...state.vms.values()]
        .filter((vm) => vmOfRef(state, { kind: 'machine', name: vm.name }) === vm)
        .map((vm) => vmResource(state, vm, place));
    case 'scale-sets':
      return scaleSetsOf(state).flatMap((name) => scaleSetResource(state, name, place) ?? []);
    case 'instances':
    case 'role-instances': {
      const parent = path.parent.toLowerCase();
      const scope =
        path.what === 'instances'
          ? scaleSetsOf(state).find((name) => name.toLowerCase() === parent)
          : scopeNamed(state, path.parent, 'cloud-service');
      return scope === undefined ? undefined : membersOf(state, scope).map((vm) => vmResource(state, vm, place));
    }
    default:
      return path.what satisfies never;
  }
}

function scopeNamed(state: PlatformState, name: string, kind: string): string | undefined {
  const wanted = name.toLowerCase();
  return [...state.scopes.values()].find((scope) => scope.kind === kind && scope.name.toLowerCase() === wanted)?.name;
}

/** Also those that are empty; VMs of some are scopes of their own. */
export function scaleSetsOf(state: PlatformState): readonly string[] {
  const vms = [...state.vms.values()];
  const own = new Set(vms.filter((vm) => vm.scaleSet !== undefined).map((vm) => vm.scope));
  const shared = [...state.scopes.values()].filter((scope) => scope.kind === 'scale-set' && !own.has(scope.name));
  return [...new Set([...shared.map((scope) => scope.name), ...vms.flatMap((vm) => vm.scaleSet ?? [])])];
}

function skuOf(facts: ComputeFacts | undefined): object {
  return facts === undefined ? {} : { name: facts.size, tier: 'Standard' };
}

function membersOf(state: PlatformState, scope: string): readonly Vm[] {
  return [...state.vms.values()].filter(
    (vm) => (vm.scaleSet ?? vm.scope) === scope && state.goneVms.get(vm.name.toLowerCase()) !== 'deleted',
  );
}

function refTo(state: PlatformState, vm: Vm): VmRef {
  const scaleSet = scaleSetOf(state, vm);
  if (scaleSet !== undefined) {
    return { kind: 'instance', scaleSet, instance: vm.name.slice(scaleSet.length + 1) };
  }
  return state.scopes.get(vm.scope)?.kind === 'cloud-service'
    ? { kind: 'role-instance', service: vm.scope, instance: vm.name }
    : { kind: 'machine', name: vm.name };
}

const TYPES = {
  machine: 'virtualMachines',
  instance: 'virtualMachineScaleSets/virtualMachines',
  'role-instance': 'cloudServices/roleInstances',
} as const;

function pathOf(ref: VmRef): string {
  switch (ref.kind) {
    case 'machine':
      return `virtualMachines/${ref.name}`;
    case 'instance':
      return `virtualMachineScaleSets/${ref.scaleSet}/virtualMachines/${ref.instance}`;
    case 'role-instance':
      return `cloudServices/${ref.service}/roleInstances/${ref.instance}`;
    default:
      return ref satisfies never;
  }
}

function providerOf({ subscription, group }: ViewPlace): string {
  return `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Compute`;
}
