import type { PlatformRefusal } from '../platform/effects.ts';
import { RESOURCE_GROUP } from '../emulated-vm.ts';
import type { PlatformState, Vm } from '../platform/state.ts';
import type { OperationLog } from './operation-log.ts';
import { acknowledge } from './acknowledge.ts';
import { COMPUTE_VERBS, computePath, vmOfRef, type ComputePath, type ComputeVerb } from './target.ts';
import { collection, instanceView, scaleSetResource, scaleSetsOf, vmResource, type ViewPlace } from './views.ts';
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
  readonly factsOf: ViewPlace['factsOf'];
  /** `https://127.0.0.1:PORT`, for the addresses in answers. */
  readonly url: () => string;
}

/**
 * One request to the compute API, in the manner of Azure Resource Manager: a bearer token (any: the emulator has no users)
 * and an api-version (any) are required, subscription and resource group are not looked at. Errors are
 * `{"error":{"code","message"}}`. A verb answers 202 with `Azure-AsyncOperation` and `Location`, which say `InProgress` (202)
 * until the event that it became has left the document; what is announced by none has succeeded at once.
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
  switch (path.kind) {
    case 'operation':
      return showOperation(request, path, context);
    case 'acknowledge': {
      if (request.method !== 'POST') return notAllowed(request);
      const message = `The Resource 'Microsoft.Maintenance/scheduledevents/${path.eventId}' was not found.`;
      return acknowledge(context.runner, path) ? { status: 200, body: {} } : failure(404, 'ResourceNotFound', message);
    }
    case 'list':
    case 'scale-set':
      return showCollection(request, path, context);
    case 'vm':
      return await onVm(request, path, context);
    default:
      return path satisfies never;
  }
}

/** Everything in one page: no client has to ask for a next one. */
function showCollection(
  request: ComputeRequest,
  path: ComputePath & { kind: 'list' | 'scale-set' },
  context: ComputeContext,
): ComputeAnswer {
  if (request.method !== 'GET') return notAllowed(request);
  const { state } = context.runner;
  const place = placeOf(path, context);
  if (path.kind === 'scale-set') {
    const found = scaleSetResource(state, path.name, place);
    return found === undefined ? notThere(path.name, knownScopes(state)) : { status: 200, body: found };
  }
  const value = collection(state, path, place);
  return value === undefined ? notThere(path.parent, knownScopes(state)) : { status: 200, body: { value } };
}

function placeOf(
  path: { readonly subscription: string; readonly group: string | undefined },
  { location, factsOf }: ComputeContext,
): ViewPlace {
  return { subscription: path.subscription, group: path.group ?? RESOURCE_GROUP, location, factsOf };
}

function knownScopes(state: PlatformState): readonly string[] {
  return [...state.scopes.values()]
    .filter((scope) => scope.kind === 'cloud-service')
    .map((scope) => scope.name)
    .concat(scaleSetsOf(state));
}

function notThere(name: string, known: readonly string[]): ComputeAnswer {
  const message = `The Resource 'Microsoft.Compute/${name}' was not found. Known here: ${known.join(', ') || 'none'}.`;
  return failure(404, 'ResourceNotFound', message);
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
    return notThere(
      name,
      known.map((other) => other.name),
    );
  }
  if (request.method === 'GET' && (path.verb === undefined || path.verb.toLowerCase() === 'instanceview')) {
    const { state } = runner;
    const isWhole = path.verb === undefined;
    return { status: 200, body: isWhole ? vmResource(state, vm, placeOf(path, context)) : instanceView(state, vm) };
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

function notAllowed(request: ComputeRequest): ComputeAnswer {
  const message = `expected GET, DELETE, or POST with one of ${COMPUTE_VERBS.filter((verb) => verb !== 'delete').join(', ')}; got ${request.method} ${request.target}`;
  return failure(405, 'HttpMethodNotAllowed', message);
}

function failure(status: number, code: string, message: string): ComputeAnswer {
  return { status, body: { error: { code, message } } };
}
