import { awaitedBy } from '../../common/agreement/record.ts';
import { reasonsOut } from '../core/durable.ts';
import type { AgentState, EventEntry } from '../core/state.ts';

/** What `GET /status` answers: the agent's view of itself, for operators and tests. Times are epoch milliseconds. */
export interface AgentStatus {
  readonly name: string;
  readonly scope: string;
  readonly vmId: string;
  readonly inRotation: boolean;
  /** Why it is out; empty in rotation. */
  readonly reasons: readonly string[];
  readonly rotation: string;
  readonly reconciled: { readonly metadata: boolean; readonly coordinator: boolean; readonly openedBlindly: boolean };
  readonly lastPoll: { readonly ok: boolean; readonly agoMs: number; readonly reason: string } | null;
  readonly incarnation: number | null;
  readonly coordinator: 'none' | 'disconnected' | 'reconciling' | 'ready';
  /** What is wrong with the agent itself; see self-watch.ts. */
  readonly warnings: readonly string[];
  /** It says what it would do and does not do it. */
  readonly dryRun: boolean;
  readonly events: readonly EventStatus[];
  readonly maintenance: readonly {
    readonly workId: string;
    readonly reason: string;
    readonly step: string;
    readonly detail: string;
    readonly released: boolean;
  }[];
}

export interface EventStatus {
  readonly eventId: string;
  readonly eventType: string;
  readonly status: string;
  readonly present: boolean;
  readonly resources: readonly string[];
  readonly notBeforeMs: number | null;
  readonly promise: string;
  /** out of rotation for it, serving, or stepping-back; and why it serves although the event names it. */
  readonly stance: string;
  readonly reason: string;
  /** The operator's rule that decided. */
  readonly rule: string;
  readonly number: number;
  readonly preparation: string;
  readonly detail: string;
  readonly approval: string;
  readonly approved: boolean;
  readonly record: {
    readonly phase: string;
    readonly leader: string | null;
    readonly term: number;
    readonly awaited: readonly string[];
  } | null;
}

export function statusOf(
  state: AgentState,
  monotonicMs: number,
  about: { readonly warnings: readonly string[]; readonly dryRun: boolean },
): AgentStatus {
  const { coordinator, settings } = state;
  return {
    ...settings.identity,
    inRotation: state.rotation.state === 'in',
    // An agent that was restarted alone serves on while it has yet to learn what keeps others out after a boot.
    reasons: state.rotation.state === 'in' ? [] : reasonsOut(state),
    rotation: state.rotation.state,
    reconciled: {
      metadata: state.boot.hasPolled,
      coordinator: state.boot.hasReconciled,
      openedBlindly: state.boot.isOpenedBlindly,
    },
    lastPoll:
      state.lastPoll === undefined
        ? null
        : {
            ok: state.lastPoll.ok,
            agoMs: Math.round(monotonicMs - state.lastPoll.atMs),
            reason: state.lastPoll.reason,
          },
    incarnation: state.document?.incarnation ?? null,
    coordinator: !settings.hasCoordinator
      ? 'none'
      : coordinator.isReady
        ? 'ready'
        : coordinator.isConnected
          ? 'reconciling'
          : 'disconnected',
    ...about,
    events: Object.values(state.events).map(eventStatus),
    maintenance: Object.values(state.maintenance).map((entry) => ({
      workId: entry.workId,
      reason: entry.reason,
      step: entry.preparation.step,
      detail: entry.preparation.detail,
      released: entry.isReleased,
    })),
  };
}

function eventStatus(entry: EventEntry): EventStatus {
  const { promise, record, preparation } = entry;
  return {
    eventId: promise.eventId,
    eventType: promise.eventType,
    status: entry.isPresent ? entry.status : 'absent',
    present: entry.isPresent,
    resources: promise.resources,
    notBeforeMs: promise.notBeforeMs ?? null,
    promise: promise.promise,
    stance: entry.plan.stance,
    reason: entry.plan.reason,
    rule: entry.plan.decision.rule,
    number: promise.number,
    preparation: preparation.step,
    detail: preparation.detail,
    approval: entry.approval.step,
    approved: promise.approved,
    record:
      record === undefined
        ? null
        : {
            phase: record.phase,
            leader: record.lease?.holder ?? null,
            term: record.term,
            awaited: awaitedBy(record, new Set()).map((one) => `${one.name}: ${one.kind}`),
          },
  };
}
