import { scaleSetOf, vmOrUndefined, type PlatformState, type Vm } from '../platform/state.ts';

/** What users do to a VM through the compute API. */
export const COMPUTE_VERBS = [
  'restart',
  'redeploy',
  'reimage',
  'performMaintenance',
  'simulateEviction',
  'start',
  'powerOff',
  'deallocate',
  'delete',
] as const;
export type ComputeVerb = (typeof COMPUTE_VERBS)[number];

/** A path of the compute API, understood. Names are as they stood there. */
export type ComputePath =
  | {
      readonly kind: 'vm';
      readonly subscription: string;
      readonly group: string;
      readonly ref: VmRef;
      readonly verb: string | undefined;
    }
  | {
      readonly kind: 'list';
      readonly subscription: string;
      /** Undefined: of the whole subscription. */
      readonly group: string | undefined;
      readonly what: 'machines' | 'scale-sets' | 'instances' | 'role-instances';
      /** The scale set or cloud service that they are in; empty for the others. */
      readonly parent: string;
    }
  | { readonly kind: 'scale-set'; readonly subscription: string; readonly group: string; readonly name: string }
  /** Approves an event from outside of its VMs. */
  | {
      readonly kind: 'acknowledge';
      readonly subscription: string;
      /** Lower case. */
      readonly of: string;
      readonly name: string;
      readonly eventId: string;
    }
  | { readonly kind: 'operation'; readonly subscription: string; readonly id: string; readonly isResult: boolean };

export type VmRef =
  | { readonly kind: 'machine'; readonly name: string }
  | { readonly kind: 'instance'; readonly scaleSet: string; readonly instance: string }
  | { readonly kind: 'role-instance'; readonly service: string; readonly instance: string };

const VM = String.raw`/resourceGroups/([^/]+)/providers/Microsoft\.Compute`;
const PATTERNS = {
  machine: new RegExp(String.raw`^/subscriptions/([^/]+)${VM}/virtualMachines/([^/]+)(?:/(\w+))?/?$`, 'i'),
  instance: new RegExp(
    String.raw`^/subscriptions/([^/]+)${VM}/virtualMachineScaleSets/([^/]+)/virtualMachines/([^/]+)(?:/(\w+))?/?$`,
    'i',
  ),
  roleInstance: new RegExp(
    String.raw`^/subscriptions/([^/]+)${VM}/cloudServices/([^/]+)/roleInstances/([^/]+)(?:/(\w+))?/?$`,
    'i',
  ),
  list: new RegExp(
    String.raw`^/subscriptions/([^/]+)(?:/resourceGroups/([^/]+))?/providers/Microsoft\.Compute/(virtualMachines|virtualMachineScaleSets)/?$`,
    'i',
  ),
  members: new RegExp(
    String.raw`^/subscriptions/([^/]+)${VM}/(virtualMachineScaleSets|cloudServices)/([^/]+)/(virtualMachines|roleInstances)/?$`,
    'i',
  ),
  scaleSet: new RegExp(String.raw`^/subscriptions/([^/]+)${VM}/virtualMachineScaleSets/([^/]+)/?$`, 'i'),
  acknowledge: new RegExp(
    String.raw`^/subscriptions/([^/]+)${VM}/(virtualMachines|virtualMachineScaleSets|availabilitySets)/([^/]+)/providers/Microsoft\.Maintenance/scheduledevents/([^/]+)/acknowledge/?$`,
    'i',
  ),
  operation: new RegExp(
    String.raw`^/subscriptions/([^/]+)/providers/Microsoft\.Compute/locations/[^/]+/(operations|operationResults)/([^/]+)/?$`,
    'i',
  ),
};

/** Reads a path, without its query; Azure Resource Manager does not mind the case of its letters. Undefined: none of ours. */
export function computePath(path: string): ComputePath | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  const operation = PATTERNS.operation.exec(decoded);
  if (operation !== null) {
    const [, subscription = '', what = '', id = ''] = operation;
    return { kind: 'operation', subscription, id, isResult: what.toLowerCase() === 'operationresults' };
  }
  const acknowledge = PATTERNS.acknowledge.exec(decoded);
  if (acknowledge !== null) {
    const [, subscription = '', , of = '', name = '', eventId = ''] = acknowledge;
    return { kind: 'acknowledge', subscription, of: of.toLowerCase(), name, eventId };
  }
  return collectionPath(decoded) ?? vmPath(decoded);
}

function vmPath(decoded: string): ComputePath | undefined {
  const machine = PATTERNS.machine.exec(decoded);
  if (machine !== null) {
    const [, subscription = '', group = '', name = '', verb] = machine;
    return { kind: 'vm', subscription, group, ref: { kind: 'machine', name }, verb };
  }
  const instance = PATTERNS.instance.exec(decoded);
  if (instance !== null) {
    const [, subscription = '', group = '', scaleSet = '', number = '', verb] = instance;
    return { kind: 'vm', subscription, group, ref: { kind: 'instance', scaleSet, instance: number }, verb };
  }
  const role = PATTERNS.roleInstance.exec(decoded);
  if (role === null) return undefined;
  const [, subscription = '', group = '', service = '', name = '', verb] = role;
  return { kind: 'vm', subscription, group, ref: { kind: 'role-instance', service, instance: name }, verb };
}

function collectionPath(decoded: string): ComputePath | undefined {
  const list = PATTERNS.list.exec(decoded);
  if (list !== null) {
    const [, subscription = '', group, word = ''] = list;
    const what = word.toLowerCase() === 'virtualmachines' ? 'machines' : 'scale-sets';
    return { kind: 'list', subscription, group, what, parent: '' };
  }
  const scaleSet = PATTERNS.scaleSet.exec(decoded);
  if (scaleSet !== null) {
    const [, subscription = '', group = '', name = ''] = scaleSet;
    return { kind: 'scale-set', subscription, group, name };
  }
  const members = PATTERNS.members.exec(decoded);
  if (members === null) return undefined;
  const [, subscription = '', group = '', of = '', parent = '', word = ''] = members;
  const isScaleSet = of.toLowerCase() === 'virtualmachinescalesets';
  if (isScaleSet !== (word.toLowerCase() === 'virtualmachines')) return undefined;
  return { kind: 'list', subscription, group, what: isScaleSet ? 'instances' : 'role-instances', parent };
}

/** The VM that a path names; undefined when there is none, or it is reached by another kind of path. */
export function vmOfRef(state: PlatformState, ref: VmRef): Vm | undefined {
  switch (ref.kind) {
    case 'machine':
      return ofScope(state, ref.name, ['stand-alone', 'availability-set']);
    case 'instance': {
      const vm = ofScope(state, `${ref.scaleSet}_${ref.instance}`, ['scale-set']);
      return vm !== undefined && scaleSetOf(state, vm)?.toLowerCase() === ref.scaleSet.toLowerCase() ? vm : undefined;
    }
    case 'role-instance': {
      const vm = ofScope(state, ref.instance, ['cloud-service']);
      return vm?.scope.toLowerCase() === ref.service.toLowerCase() ? vm : undefined;
    }
    default:
      return ref satisfies never;
  }
}

function ofScope(state: PlatformState, name: string, kinds: readonly string[]): Vm | undefined {
  const found = vmOrUndefined(state, name);
  // A deleted one is nowhere any more, although its events may still name it.
  const vm = state.goneVms.get(name.toLowerCase()) === 'deleted' ? undefined : found;
  const kind = vm === undefined ? undefined : state.scopes.get(vm.scope)?.kind;
  return kind !== undefined && kinds.includes(kind) ? vm : undefined;
}
