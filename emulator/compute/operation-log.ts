import type { ActivityFeed } from '../activity.ts';

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

interface Entry {
  readonly eventId: string | undefined;
  view: OperationView;
}

export function createOperationLog(feed: ActivityFeed, now: () => number): OperationLog {
  const entries = new Map<string, Entry>();
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
    },
    find: (id) => entries.get(id.toLowerCase())?.view,
  };
}
