import type { ScopeState } from '../platform/state.ts';
import { ANSWERS, JSON_TYPE, type Answer } from './answer.ts';
import { renderEvents } from './render-events.ts';
import type { EventVersion } from './versions.ts';

/**
 * The answers to `GET /metadata/scheduledevents`, rendered once per scope state and version: agents ask every second and
 * the document hardly ever changes. Scope states are immutable, so identity is a sufficient key.
 */
export class EventsRenderer {
  readonly #rendered = new WeakMap<ScopeState, Map<EventVersion, Rendered>>();

  /** `ifNoneMatch`: the header as sent, undefined when absent. */
  answer(scope: ScopeState, version: EventVersion, ifNoneMatch: string | undefined): Answer {
    const rendered = this.#render(scope, version);
    return ifNoneMatch !== undefined && matchesTag(ifNoneMatch, scope.incarnation)
      ? rendered.unchanged
      : rendered.whole;
  }

  #render(scope: ScopeState, version: EventVersion): Rendered {
    let versions = this.#rendered.get(scope);
    if (versions === undefined) this.#rendered.set(scope, (versions = new Map()));
    let rendered = versions.get(version);
    if (rendered === undefined) versions.set(version, (rendered = render(scope, version)));
    return rendered;
  }
}

interface Rendered {
  readonly whole: Answer;
  readonly unchanged: Answer;
}

function render(scope: ScopeState, version: EventVersion): Rendered {
  const body = renderEvents(scope, version);
  // The incarnation is the entity tag (Azure docs, Scheduled Events for Windows, 2020: "is an ETag").
  const etag = `"${scope.incarnation}"`;
  return {
    whole: {
      status: 200,
      headers: { 'content-type': JSON_TYPE, etag, 'content-length': `${Buffer.byteLength(body)}` },
      body,
    },
    unchanged: { status: 304, headers: { etag }, body: '' },
  };
}

/** Quoted, weak, bare, or a list of them; clients send `0` or `null` the first time, which match nothing. */
function matchesTag(header: string, incarnation: number): boolean {
  return header.split(',').some((part) => {
    const tag = part.trim().replace(/^W\//, '').replaceAll('"', '');
    return tag === '*' || tag === `${incarnation}`;
  });
}

/** Longest approval that is read; ten events take less than one kilobyte. */
export const MAX_APPROVAL_BYTES = 64 * 1024;

/**
 * The EventIds of an approval, `{"StartRequests":[{"EventId":"…"}]}`; undefined when it is malformed. Other keys
 * (`DocumentIncarnation` beside it, sent by clients of 2017) are ignored.
 */
export function parseApprovalOrUndefined(text: string): readonly string[] | undefined {
  let body: unknown;
  try {
    // Some clients write a byte order mark; JSON.parse takes it for a syntax error.
    body = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
  if (typeof body !== 'object' || body === null || !('StartRequests' in body)) return undefined;
  const { StartRequests: requests } = body;
  if (!Array.isArray(requests) || requests.length === 0) return undefined;
  const eventIds: string[] = [];
  for (const request of requests) {
    const eventId: unknown = eventIdOf(request);
    if (typeof eventId !== 'string') return undefined;
    eventIds.push(eventId);
  }
  return eventIds;
}

function eventIdOf(request: unknown): unknown {
  return typeof request === 'object' && request !== null && 'EventId' in request ? request.EventId : undefined;
}

/** What an approval is answered with. The body of the real answer is undocumented and read by no client: it is empty. */
export const APPROVED: Answer = { status: 200, headers: { 'content-length': '0' }, body: '' };

/**
 * An id that no event has: undocumented. Refused here, because Azure promises success for "a valid event ID" and an
 * agent that approves what is gone should learn of it.
 */
export const UNKNOWN_EVENT: Answer = ANSWERS.unknownEvent;
