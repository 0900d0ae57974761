import type { IncomingHttpHeaders } from 'node:http';
import { ANSWERS, methodNotAllowed, type Answer } from './answer.ts';
import type { ScopeState } from '../platform/state.ts';
import type { InstanceFacts } from './instance.ts';
import type { OfferedVersions } from './offered-versions.ts';
import type { RequestTarget } from './request-target.ts';
import { respondAttested } from './respond-attested.ts';
import { respondEvents, type EventsService } from './respond-events.ts';
import { respondIdentity, type IdentityService } from './respond-identity.ts';
import { respondInstance } from './respond-instance.ts';
import { respondLoadBalancer, type LoadBalancing } from './respond-load-balancer.ts';

/** What the metadata service of one VM is made of. */
export interface MetadataVm extends EventsService, IdentityService {
  readonly facts: InstanceFacts;
  readonly versions: OfferedVersions;
  /** How the public address leads to it now; undefined when it does not. */
  balancing(): LoadBalancing | undefined;
}

export interface MetadataRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly target: RequestTarget;
  /** What a fault makes of the document; undefined: it is as it is. */
  readonly view?: ((scope: ScopeState) => ScopeState) | undefined;
}

/** A request whose target could be parsed. */
export interface ParsedRequest extends MetadataRequest {
  readonly target: RequestTarget & { readonly kind: 'ok' };
  /** `Metadata: true`, in any case of letters. */
  readonly hasHeader: boolean;
}

/** The answer depends on the body; `finish` takes it whole. */
export interface NeedsBody {
  readonly kind: 'needs-body';
  finish(body: string): Answer;
}

/** The answer takes time: `afterMs`, and then what `finish` needs. */
export interface Later {
  readonly kind: 'later';
  readonly afterMs: number;
  finish(): Answer | Promise<Answer>;
}

export type Outcome = Answer | NeedsBody | Later;

/**
 * Answers a request, or says what it needs first.
 * The order of the checks is chosen (Azure documents none): target, forbidden header, path, version, required header, method.
 */
export function respond(vm: MetadataVm, request: MetadataRequest): Outcome {
  const { target, headers } = request;
  if (target.kind === 'malformed') return ANSWERS.malformedTarget;
  if (target.kind === 'duplicate-parameter') return ANSWERS.duplicateParameter;
  if (headers['x-forwarded-for'] !== undefined) return ANSWERS.forwarded;
  const hasHeader = isTrue(headers['metadata']);
  const parsed: ParsedRequest = { method: request.method, headers, target, hasHeader, view: request.view };
  const [root, endpoint] = target.segments;
  // Version 2017-03-01 of events is the only thing that may be asked for without the header.
  if (isWord(root, 'metadata') && isWord(endpoint, 'scheduledevents')) return respondEvents(vm, vm.versions, parsed);
  if (isWord(root, 'metadata') && isWord(endpoint, 'identity')) return respondIdentity(vm, vm.versions, parsed);
  if (!hasHeader) return ANSWERS.headerMissing;
  return isWord(root, 'metadata') ? respondEndpoint(vm, parsed) : ANSWERS.notFound;
}

function respondEndpoint(vm: MetadataVm, request: ParsedRequest): Outcome {
  const { segments } = request.target;
  switch ((segments[1] ?? '').toLowerCase()) {
    case 'instance':
      return respondInstance(vm.facts, vm.versions, request);
    case 'versions':
      if (segments.length > 2) return ANSWERS.notFound;
      return request.method === 'GET' ? vm.versions.listing : methodNotAllowed('GET');
    case 'attested':
      return respondAttested(vm, vm.versions, request);
    case 'loadbalancer':
      return respondLoadBalancer(vm.balancing(), vm.versions, request);
    case 'latest':
      // The preview of 2016 had its version in the path; Azure answers it like any version it does not know any more.
      return isWord(segments[2], 'scheduledevents') && segments.length === 3 ? vm.versions.badEvent : ANSWERS.notFound;
    default:
      return ANSWERS.notFound;
  }
}

function isWord(segment: string | undefined, word: string): boolean {
  return segment !== undefined && (segment === word || segment.toLowerCase() === word);
}

function isTrue(header: string | readonly string[] | undefined): boolean {
  return typeof header === 'string' && (header === 'true' || header.toLowerCase() === 'true');
}
