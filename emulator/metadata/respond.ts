import type { IncomingHttpHeaders } from 'node:http';
import type { ScopeState } from '../platform/state.ts';
import { ANSWERS, badVersion, jsonAnswer, methodNotAllowed, textAnswer, type Answer } from './answer.ts';
import { instanceDocument, listingOf, walk, type InstanceFacts } from './instance.ts';
import type { RequestTarget } from './request-target.ts';
import { APPROVED, parseApprovalOrUndefined, UNKNOWN_EVENT, type EventsRenderer } from './scheduled-events.ts';
import {
  EVENT_VERSIONS,
  eventVersionOrUndefined,
  INSTANCE_VERSIONS,
  instanceVersionOrUndefined,
  type EventVersion,
} from './versions.ts';

/** What the metadata service of one VM is made of. */
export interface MetadataVm {
  readonly facts: InstanceFacts;
  readonly renderer: EventsRenderer;
  /** The state of its scope now; asking for events enables the scope. */
  scope(): ScopeState;
  /** Approves events in the name of this VM; false when one of them is unknown. */
  approve(eventIds: readonly string[]): boolean;
}

export interface MetadataRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly target: RequestTarget;
}

/**
 * Answers a request, or asks for its body first: an approval is decided by what is in it.
 * The order of the checks is chosen (Azure documents none): target, forbidden header, path, version, required header, method.
 */
export function respond(vm: MetadataVm, request: MetadataRequest): Answer | NeedsBody {
  const { target, headers } = request;
  if (target.kind === 'malformed') return ANSWERS.malformedTarget;
  if (target.kind === 'duplicate-parameter') return ANSWERS.duplicateParameter;
  if (headers['x-forwarded-for'] !== undefined) return ANSWERS.forwarded;
  const [root, endpoint] = target.segments;
  const hasHeader = isTrue(headers['metadata']);
  if (root?.toLowerCase() !== 'metadata') return hasHeader ? ANSWERS.notFound : ANSWERS.headerMissing;
  switch ((endpoint ?? '').toLowerCase()) {
    case 'scheduledevents':
      return respondEvents(vm, request, hasHeader);
    case 'instance':
      if (!hasHeader) return ANSWERS.headerMissing;
      return request.method === 'GET' ? respondInstance(vm.facts, target) : methodNotAllowed('GET');
    case 'versions':
      if (!hasHeader) return ANSWERS.headerMissing;
      if (target.segments.length > 2) return ANSWERS.notFound;
      return request.method === 'GET' ? jsonAnswer(200, { apiVersions: INSTANCE_VERSIONS }) : methodNotAllowed('GET');
    default:
      return hasHeader ? ANSWERS.notFound : ANSWERS.headerMissing;
  }
}

/** The answer depends on the body; `finish` takes it whole. */
export interface NeedsBody {
  readonly kind: 'needs-body';
  finish(body: string): Answer;
}

function respondEvents(vm: MetadataVm, request: MetadataRequest, hasHeader: boolean): Answer | NeedsBody {
  if (request.target.kind !== 'ok') return ANSWERS.malformedTarget;
  const version = eventVersionOrUndefined(request.target.query.get('api-version'));
  // Version 2017-03-01 was lax: Microsoft's own sample approved without the header.
  if (!hasHeader && version !== '2017-03-01') return ANSWERS.headerMissing;
  if (request.target.segments.length > 2) return ANSWERS.notFound;
  if (request.method !== 'GET' && request.method !== 'POST') return methodNotAllowed('GET, POST');
  if (version === undefined) return EVENTS_BAD_VERSION;
  return request.method === 'GET' ? respondDocument(vm, request.headers, version) : approval(vm);
}

function respondDocument(vm: MetadataVm, headers: IncomingHttpHeaders, version: EventVersion): Answer {
  return vm.renderer.answer(vm.scope(), version, headers['if-none-match']);
}

function approval(vm: MetadataVm): NeedsBody {
  return {
    kind: 'needs-body',
    finish: (body) => {
      // Parsed as JSON whatever Content-Type says: curl and urllib send a form's, some clients none.
      const eventIds = parseApprovalOrUndefined(body);
      if (eventIds === undefined) return ANSWERS.malformedBody;
      return vm.approve(eventIds) ? APPROVED : UNKNOWN_EVENT;
    },
  };
}

function respondInstance(facts: InstanceFacts, target: RequestTarget & { kind: 'ok' }): Answer {
  const version = instanceVersionOrUndefined(target.query.get('api-version'));
  if (version === undefined) return INSTANCE_BAD_VERSION;
  const node = walk(instanceDocument(facts, version), target.segments.slice(2));
  if (node === undefined) return ANSWERS.notFound;
  const isText = target.query.get('format')?.toLowerCase() === 'text';
  if (typeof node === 'string') return isText ? textAnswer(200, node, TEXT_TYPE) : ANSWERS.leafNeedsText;
  return isText ? textAnswer(200, listingOf(node), TEXT_TYPE) : jsonAnswer(200, node);
}

const TEXT_TYPE = 'text/plain; charset=utf-8';
const EVENTS_BAD_VERSION = badVersion(EVENT_VERSIONS);
const INSTANCE_BAD_VERSION = badVersion(INSTANCE_VERSIONS);

function isTrue(header: string | readonly string[] | undefined): boolean {
  return typeof header === 'string' && header.toLowerCase() === 'true';
}
