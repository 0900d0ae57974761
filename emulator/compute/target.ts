import { vmOrUndefined, type PlatformState, type Vm } from '../platform/state.ts';

/** What users do to a VM through the compute API. */
export const COMPUTE_VERBS = [
  'restart',
  'redeploy',
  'reimage',
  'performMaintenance',
  'simulateEviction',
  'deallocate',
  'delete',
] as const;
export type ComputeVerb = (typeof COMPUTE_VERBS)[number];

/** A path of the compute API, understood. Names are as they stood there. */
export type ComputePath =
  | { readonly kind: 'vm'; readonly subscription: string; readonly ref: VmRef; readonly verb: string | undefined }
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
  const machine = PATTERNS.machine.exec(decoded);
  if (machine !== null) {
    const [, subscription = '', , name = '', verb] = machine;
    return { kind: 'vm', subscription, ref: { kind: 'machine', name }, verb };
  }
  const instance = PATTERNS.instance.exec(decoded);
  if (instance !== null) {
    const [, subscription = '', , scaleSet = '', number = '', verb] = instance;
    return { kind: 'vm', subscription, ref: { kind: 'instance', scaleSet, instance: number }, verb };
  }
  const role = PATTERNS.roleInstance.exec(decoded);
  if (role === null) return undefined;
  const [, subscription = '', , service = '', name = '', verb] = role;
  return { kind: 'vm', subscription, ref: { kind: 'role-instance', service, instance: name }, verb };
}

/** The VM that a path names; undefined when there is none, or it is reached by another kind of path. */
export function vmOfRef(state: PlatformState, ref: VmRef): Vm | undefined {
  switch (ref.kind) {
    case 'machine':
      return ofScope(state, ref.name, ['stand-alone', 'availability-set']);
    case 'instance': {
      const vm = ofScope(state, `${ref.scaleSet}_${ref.instance}`, ['scale-set']);
      return vm?.scope.toLowerCase() === ref.scaleSet.toLowerCase() ? vm : undefined;
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
  const vm = vmOrUndefined(state, name);
  const kind = vm === undefined ? undefined : state.scopes.get(vm.scope)?.kind;
  return kind !== undefined && kinds.includes(kind) ? vm : undefined;
}
