import type { ScopeState } from '../platform/state.ts';
import { ANSWERS, methodNotAllowed, type Answer } from './answer.ts';
import type { OfferedVersions } from './offered-versions.ts';
import type { NeedsBody, Outcome, ParsedRequest } from './respond.ts';
import { APPROVED, parseApprovalOrUndefined, UNKNOWN_EVENT, type EventsRenderer } from './scheduled-events.ts';

/** The events of the scope that a VM is in. */
export interface EventsService {
  readonly renderer: EventsRenderer;
  /** How long a request for events takes from now, milliseconds: 0 once the scope is enabled. */
  enablingMs(): number;
  /** The state of its scope now; asking for events enables the scope. */
  scope(): ScopeState;
  /** Approves events in the name of this VM; false when one of them is unknown. */
  approve(eventIds: readonly string[]): boolean;
}

/** `/metadata/scheduledevents` */
export function respondEvents(events: EventsService, versions: OfferedVersions, request: ParsedRequest): Outcome {
  const { method, target, headers } = request;
  const version = versions.event(target.query.get('api-version'));
  // Version 2017-03-01 was lax: Microsoft's own sample approved without the header.
  if (!request.hasHeader && version !== '2017-03-01') return ANSWERS.headerMissing;
  if (target.segments.length > 2) return ANSWERS.notFound;
  if (method !== 'GET' && method !== 'POST') return methodNotAllowed('GET, POST');
  if (version === undefined) return versions.badEvent;
  if (method === 'POST') return approval(events);
  const ifNoneMatch = headers['if-none-match'];
  const afterMs = events.enablingMs();
  const answer = (): Answer => {
    const scope = events.scope();
    return events.renderer.answer(request.view === undefined ? scope : request.view(scope), version, ifNoneMatch);
  };
  return afterMs <= 0 ? answer() : { kind: 'later', afterMs, finish: answer };
}

function approval(events: EventsService): NeedsBody {
  return {
    kind: 'needs-body',
    finish: (body) => {
      // Parsed as JSON whatever Content-Type says: curl and urllib send a form's, some clients none.
      const eventIds = parseApprovalOrUndefined(body);
      if (eventIds === undefined) return ANSWERS.malformedBody;
      return events.approve(eventIds) ? APPROVED : UNKNOWN_EVENT;
    },
  };
}
