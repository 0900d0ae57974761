import type { GoneAs, PlatformState, Vm } from '../platform/state.ts';
import { vmOfRef, type ComputePath, type VmRef } from './target.ts';

/** Where things are, for their ids: as the path had it, because neither subscription nor group is looked at. */
export interface ViewPlace {
  readonly subscription: string;
  readonly group: string;
  readonly location: string;
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
  const zones = vm.zone === '' ? {} : { zones: [vm.zone] };
  return {
    id: `${providerOf(place)}/${pathOf(ref)}`,
    name: vm.name,
    type: `Microsoft.Compute/${TYPES[ref.kind]}`,
    location: place.location,
    ...zones,
    ...(ref.kind === 'instance' ? { instanceId: ref.instance } : {}),
    properties: {
      vmId: vm.vmId.toLowerCase(),
      provisioningState: 'Succeeded',
      instanceView: instanceView(state, vm),
    },
  };
}

/** A scale set as a resource; undefined when there is none of that name. */
export function scaleSetResource(state: PlatformState, name: string, place: ViewPlace): object | undefined {
  const scope = scopeNamed(state, name, 'scale-set');
  if (scope === undefined) return undefined;
  return {
    id: `${providerOf(place)}/virtualMachineScaleSets/${scope}`,
    name: scope,
    type: 'Microsoft.Compute/virtualMachineScaleSets',
    location: place.location,
    sku: { capacity: membersOf(state, scope).length },
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
      return [...state.scopes.values()].flatMap((scope) => scaleSetResource(state, scope.name, place) ?? []);
    case 'instances':
    case 'role-instances': {
      const scope = scopeNamed(state, path.parent, path.what === 'instances' ? 'scale-set' : 'cloud-service');
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

function membersOf(state: PlatformState, scope: string): readonly Vm[] {
  return [...state.vms.values()].filter(
    (vm) => vm.scope === scope && state.goneVms.get(vm.name.toLowerCase()) !== 'deleted',
  );
}

function refTo(state: PlatformState, vm: Vm): VmRef {
  const kind = state.scopes.get(vm.scope)?.kind;
  if (kind === 'scale-set') {
    return { kind: 'instance', scaleSet: vm.scope, instance: vm.name.slice(vm.scope.length + 1) };
  }
  return kind === 'cloud-service'
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
