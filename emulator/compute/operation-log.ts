import type { ActivityFeed } from '../activity.ts';
import { eventOrUndefined, type PlatformState } from '../platform/state.ts';
import type { KeptOperation } from '../state/kept-parts.ts';
import type { KeptPart } from '../state/state-keeper.ts';

/** A long-running operation as Azure Resource Manager tells it. */
export interface OperationView {
  readonly name: string;
  readonly status: 'InProgress' | 'Succeeded' | 'Canceled';
  readonly startTime: string;
  readonly endTime?: string;
}

/** What clients wait for: each operation is over when its event has left the document. */
export interface OperationLog {
  /** `eventId` undefined: it was over at once. */
  begin(id: string, eventId: string | undefined): void;
  find(id: string): OperationView | undefined;
}

/** Clients ask while they wait, and seldom after; the oldest are forgotten. */
const MAX_OPERATIONS = 1000;
/** Of those that a client may still ask for after a restart: a small file is written faster. */
const MAX_KEPT = 200;

interface Entry {
  readonly eventId: string | undefined;
  view: OperationView;
}

export function createOperationLog(
  feed: ActivityFeed,
  now: () => number,
  kept: { readonly part: KeptPart<readonly KeptOperation[] | undefined>; readonly state: PlatformState } | undefined,
): OperationLog {
  const entries = new Map<string, Entry>(
    (kept?.part.found ?? []).map(({ eventId, view }) => [
      view.name,
      { eventId, view: asItIs(view, eventId, kept?.state) },
    ]),
  );
  kept?.part.provide(() => [...entries.values()].slice(-MAX_KEPT));
  const instant = (): string => new Date(now()).toISOString();
  feed.subscribe(({ kind, eventId }) => {
    if ((kind !== 'event.gone' && kind !== 'event.cancelled') || eventId === undefined) return;
    const status = kind === 'event.gone' ? 'Succeeded' : 'Canceled';
    for (const entry of entries.values()) {
      if (entry.eventId === eventId) entry.view = { ...entry.view, status, endTime: instant() };
    }
  });
  return {
    begin: (id, eventId) => {
      const startTime = instant();
      const view: OperationView =
        eventId === undefined
          ? { name: id, status: 'Succeeded', startTime, endTime: startTime }
          : { name: id, status: 'InProgress', startTime };
      entries.set(id, { eventId, view });
      const oldest = entries.keys().next();
      if (entries.size > MAX_OPERATIONS && oldest.done !== true) entries.delete(oldest.value);
      try {
        kept?.part.save();
      } catch (error) {
        entries.delete(id);
        throw error;
      }
    },
    find: (id) => entries.get(id.toLowerCase())?.view,
  };
}

/** An event may have ended between the last write and the end of the earlier run, or with its VM. */
function asItIs(view: OperationView, eventId: string | undefined, state: PlatformState | undefined): OperationView {
  if (view.status !== 'InProgress' || eventId === undefined || state === undefined) return view;
  if (eventOrUndefined(state, eventId) !== undefined) return view;
  const finished = state.finished.findLast((found) => found.event.id === eventId);
  const status = finished?.outcome === 'completed' ? 'Succeeded' : 'Canceled';
  return {
    ...view,
    status,
    endTime: finished === undefined ? view.startTime : new Date(finished.goneAtMs).toISOString(),
  };
}
