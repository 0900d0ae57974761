import type { PlatformRunner } from '../platform-runner.ts';
import type { PlatformRefusal } from '../platform/effects.ts';
import type { Vm } from '../platform/state.ts';
import type { OperationLog } from './operation-log.ts';
import { COMPUTE_VERBS, computePath, vmOfRef, type ComputePath, type ComputeVerb } from './target.ts';
import { performUserOperation, type UserOperationContext } from './user-operation.ts';

export interface ComputeRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly authorization: string | undefined;
}

export interface ComputeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON; undefined = no body. */
  readonly body?: unknown;
}

export interface ComputeContext extends UserOperationContext {
  readonly operations: OperationLog;
  readonly location: string;
  /** `https://127.0.0.1:PORT`, for the addresses in answers. */
  readonly url: () => string;
}

/**
 * One request to the compute API, in the manner of Azure Resource Manager: a bearer token (any: the emulator has no users)
 * and an api-version (any) are required, subscription and resource group are not looked at. Errors are
 * `{"error":{"code","message"}}`. A verb answers 202 with `Azure-AsyncOperation` and `Location`, which say `InProgress` (202)
 * until the event that it became has left the document.
 */
export async function answerCompute(request: ComputeRequest, context: ComputeContext): Promise<ComputeAnswer> {
  if (!/^bearer \S+$/i.test(request.authorization ?? '')) {
    const answer = failure(
      401,
      'AuthenticationFailed',
      "Authentication failed. The 'Authorization' header is missing.",
    );
    return { ...answer, headers: { 'www-authenticate': 'Bearer' } };
  }
  const url = URL.parse(request.target, 'https://compute.invalid');
  const path = url === null ? undefined : computePath(url.pathname);
  if (url === null || path === undefined) {
    return failure(404, 'NotFound', `the emulated compute API has no ${request.method} ${url?.pathname ?? ''}`);
  }
  if ((url.searchParams.get('api-version') ?? '') === '') {
    const message = 'The api-version query parameter (?api-version=) is required for all requests.';
    return failure(400, 'MissingApiVersionParameter', message);
  }
  return path.kind === 'operation' ? showOperation(request, path, context) : await onVm(request, path, context);
}

function showOperation(
  request: ComputeRequest,
  path: ComputePath & { kind: 'operation' },
  context: ComputeContext,
): ComputeAnswer {
  if (request.method !== 'GET') return notAllowed(request);
  const view = context.operations.find(path.id);
  if (view === undefined) return failure(404, 'NotFound', `there is no operation ${JSON.stringify(path.id)}`);
  if (!path.isResult) return { status: 200, body: view };
  const location = context.url() + request.target;
  return view.status === 'InProgress' ? { status: 202, headers: { location } } : { status: 200 };
}

async function onVm(
  request: ComputeRequest,
  path: ComputePath & { kind: 'vm' },
  context: ComputeContext,
): Promise<ComputeAnswer> {
  const { runner } = context;
  const vm = vmOfRef(runner.state, path.ref);
  if (vm === undefined) {
    const name = path.ref.kind === 'machine' ? path.ref.name : path.ref.instance;
    const known = [...runner.state.vms.values()].filter((other) => vmOfRef(runner.state, refOf(path, other)) === other);
    const message = `The Resource 'Microsoft.Compute/${name}' was not found. Known here: ${known.map((other) => other.name).join(', ') || 'none'}.`;
    return failure(404, 'ResourceNotFound', message);
  }
  if (request.method === 'GET' && (path.verb === undefined || path.verb.toLowerCase() === 'instanceview')) {
    const view = instanceView(runner, vm);
    return { status: 200, body: path.verb === undefined ? resource(vm, context, view) : view };
  }
  const verb = verbOf(request.method, path.verb);
  return verb === undefined ? notAllowed(request) : await perform(verb, { vm, path }, context);
}

async function perform(
  verb: ComputeVerb,
  on: { readonly vm: Vm; readonly path: ComputePath },
  context: ComputeContext,
): Promise<ComputeAnswer> {
  const found = await performUserOperation(verb, on.vm, context);
  if (found.kind === 'refused') return failure(409, CODES[found.reason] ?? 'Conflict', found.message);
  if (found.kind === 'event' && !found.isAwaited) return { status: 204 };
  const id = context.random.uuid().toLowerCase();
  context.operations.begin(id, found.kind === 'event' ? found.eventId : undefined);
  const base = `${context.url()}/subscriptions/${on.path.subscription}/providers/Microsoft.Compute/locations/${context.location}`;
  return {
    status: 202,
    headers: {
      'azure-asyncoperation': `${base}/operations/${id}?api-version=2026-04-01`,
      location: `${base}/operationResults/${id}?api-version=2026-04-01`,
    },
  };
}

/** What clients of Azure know how to read; any other refusal is a conflict with the state of things. */
const CODES: Partial<Readonly<Record<PlatformRefusal | 'not-for-this-vm', string>>> = {
  'not-for-this-vm': 'OperationNotAllowed',
  'too-many-user-operations': 'OperationNotAllowed',
  'vm-gone': 'OperationNotAllowed',
};

function verbOf(method: string, word: string | undefined): ComputeVerb | undefined {
  if (method === 'DELETE') return word === undefined ? 'delete' : undefined;
  if (method !== 'POST' || word === undefined || word.toLowerCase() === 'delete') return undefined;
  // A role instance's rebuild reinstalls its disks too; the emulator's VM loses what it loses by a reimage.
  const wanted = word.toLowerCase() === 'rebuild' ? 'reimage' : word.toLowerCase();
  return COMPUTE_VERBS.find((verb) => verb.toLowerCase() === wanted);
}

function refOf(path: ComputePath & { kind: 'vm' }, vm: Vm): typeof path.ref {
  switch (path.ref.kind) {
    case 'machine':
      return { kind: 'machine', name: vm.name };
    case 'instance':
      return { ...path.ref, instance: vm.name.slice(path.ref.scaleSet.length + 1) };
    case 'role-instance':
      return { ...path.ref, instance: vm.name };
    default:
      return path.ref satisfies never;
  }
}

function instanceView(runner: PlatformRunner, vm: Vm): object {
  const isGone = runner.state.goneVms.has(vm.name.toLowerCase());
  return {
    platformUpdateDomain: vm.updateDomain,
    platformFaultDomain: vm.faultDomain,
    statuses: [
      { code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded' },
      isGone
        ? { code: 'PowerState/deallocated', level: 'Info', displayStatus: 'VM deallocated' }
        : { code: 'PowerState/running', level: 'Info', displayStatus: 'VM running' },
    ],
  };
}

function resource(vm: Vm, context: ComputeContext, view: object): object {
  const properties = { vmId: vm.vmId.toLowerCase(), provisioningState: 'Succeeded', instanceView: view };
  const zones = vm.zone === '' ? {} : { zones: [vm.zone] };
  return { name: vm.name, type: 'Microsoft.Compute/virtualMachines', location: context.location, ...zones, properties };
}

function notAllowed(request: ComputeRequest): ComputeAnswer {
  const message = `expected GET, DELETE, or POST with one of ${COMPUTE_VERBS.filter((verb) => verb !== 'delete').join(', ')}; got ${request.method} ${request.target}`;
  return failure(405, 'HttpMethodNotAllowed', message);
}

function failure(status: number, code: string, message: string): ComputeAnswer {
  return { status, body: { error: { code, message } } };
}
