import type { Approval, FinishedEvent, PlatformEvent, PlatformState } from '../platform/state.ts';

/** An event as the operator sees it: everything, with times in ISO 8601 and spans in milliseconds. */
export interface EventView {
  readonly eventId: string;
  readonly type: string;
  readonly scope: string;
  readonly resources: readonly string[];
  readonly source: string;
  readonly description: string;
  readonly durationSeconds: number;
  /** `scheduled`, `approved`, `started`, `impact`, `lingering`; `completed` or `cancelled` once it is gone. */
  readonly state: string;
  readonly scheduledAt: string;
  readonly notBefore: string | null;
  readonly noticeMs: number | null;
  readonly approvals: readonly { readonly by: string; readonly at: string }[];
  /** How much of the notice was left when it was first approved. */
  readonly noticeLeftMs: number | null;
  readonly startedAt: string | null;
  readonly impactStartedAt: string | null;
  readonly impactEndedAt: string | null;
  readonly goneAt: string | null;
}

/** All live events, then those that are over, newest last. */
export function eventViews(state: PlatformState): readonly EventView[] {
  const live = [...state.scopes.values()].flatMap((scope) => scope.events.map((event) => viewOf(event, undefined)));
  return [...state.finished.map((finished) => viewOf(finished.event, finished)), ...live];
}

export function viewOf(event: PlatformEvent, finished: FinishedEvent | undefined): EventView {
  const { life, notBeforeMs } = event;
  const first: Approval | undefined = event.approvals[0];
  return {
    eventId: event.id,
    type: event.type,
    scope: event.scope,
    resources: event.resources,
    source: event.source,
    description: event.description,
    durationSeconds: event.durationSeconds,
    state: finished?.outcome ?? life.phase,
    scheduledAt: iso(event.scheduledAtMs) ?? '',
    notBefore: iso(notBeforeMs),
    noticeMs: notBeforeMs === undefined ? null : notBeforeMs - event.scheduledAtMs,
    approvals: event.approvals.map((approval) => ({ by: approval.by, at: iso(approval.atMs) ?? '' })),
    noticeLeftMs: first === undefined || notBeforeMs === undefined ? null : Math.max(0, notBeforeMs - first.atMs),
    startedAt: iso('startedAtMs' in life ? life.startedAtMs : undefined),
    impactStartedAt: iso('impactStartedAtMs' in life ? life.impactStartedAtMs : undefined),
    impactEndedAt: iso('impactEndedAtMs' in life ? life.impactEndedAtMs : undefined),
    goneAt: iso(finished?.goneAtMs),
  };
}

function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
