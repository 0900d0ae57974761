import { canonicalEventId } from '../../common/agreement/names.ts';
import type { HistoryEntry } from './entry.ts';

/** What happened about one event on this VM; times in epoch milliseconds, null for what did not happen or was not seen. */
export interface EventHistory {
  readonly eventId: string;
  readonly subject: NonNullable<HistoryEntry['subject']> | null;
  readonly seenMs: number | null;
  readonly drainedMs: number | null;
  readonly promisedMs: number | null;
  readonly approvedMs: number | null;
  readonly startedMs: number | null;
  readonly goneMs: number | null;
  readonly restoredMs: number | null;
  /** How it ended, as far as it has. */
  readonly outcome: 'under way' | 'happened' | 'withdrawn by the platform' | 'over';
  /** Notice in milliseconds: what NotBefore promised when the event was first seen, and what was given until it started. */
  readonly notice: { readonly promisedMs: number | null; readonly givenMs: number | null };
  /** From the first moment out of rotation to the return. */
  readonly outMs: number | null;
  readonly failedDrains: number;
  /** Starts of the agent while it lasted: a reboot is one. */
  readonly restarts: number;
  readonly entries: readonly HistoryEntry[];
}

/** The events of a history, newest last. Entries that name no event count for those that were under way. */
export function historyOf(entries: readonly HistoryEntry[]): readonly EventHistory[] {
  const byEvent = new Map<string, HistoryEntry[]>();
  const underWay = new Set<string>();
  for (const entry of entries) {
    const keys = entry.eventId === undefined ? [...underWay] : [canonicalEventId(entry.eventId)];
    for (const key of keys) {
      const list = byEvent.get(key) ?? [];
      byEvent.set(key, list);
      list.push(entry);
      if (entry.kind === 'event.seen') underWay.add(key);
    }
    if (entry.kind === 'restored') {
      for (const key of underWay) if (isGone(byEvent.get(key) ?? [])) underWay.delete(key);
    }
  }
  return [...byEvent.values()].filter((list) => list.some((entry) => entry.eventId !== undefined)).map(summarize);
}

function isGone(entries: readonly HistoryEntry[]): boolean {
  return entries.some((entry) => entry.kind === 'event.ended' || entry.kind === 'event.cancelled');
}

function summarize(entries: readonly HistoryEntry[]): EventHistory {
  const first = (...kinds: readonly string[]): number | null =>
    entries.find((entry) => kinds.includes(entry.kind))?.atMs ?? null;
  const count = (kind: string): number => entries.filter((entry) => entry.kind === kind).length;
  const goneMs =
    entries.findLast((entry) => entry.kind === 'event.ended' || entry.kind === 'event.cancelled')?.atMs ?? null;
  const seenMs = first('event.seen');
  const startedMs = first('event.started');
  // The last return: an agent that was started anew in between may have said so too.
  const restoredMs = entries.findLast((entry) => entry.kind === 'restored' && goneMs !== null)?.atMs ?? null;
  const subject = entries.find((entry) => entry.subject !== undefined)?.subject ?? null;
  const notBeforeMs = subject?.notBeforeMs ?? null;
  const leftMs = first('drain.started');
  const isCancelled = entries.some((entry) => entry.kind === 'event.cancelled');
  return {
    eventId: entries.find((entry) => entry.eventId !== undefined)?.eventId ?? '',
    subject,
    seenMs,
    drainedMs: first('drain.proven'),
    promisedMs: first('promise.prepared', 'promise.consented'),
    approvedMs: first('approved'),
    startedMs,
    goneMs,
    restoredMs,
    outcome:
      goneMs === null
        ? 'under way'
        : isCancelled
          ? 'withdrawn by the platform'
          : startedMs === null
            ? 'over'
            : 'happened',
    notice: {
      promisedMs: seenMs === null || notBeforeMs === null ? null : notBeforeMs - seenMs,
      givenMs: seenMs === null || startedMs === null ? null : startedMs - seenMs,
    },
    outMs: leftMs === null || restoredMs === null ? null : restoredMs - leftMs,
    failedDrains: count('drain.failed'),
    restarts: count('agent.started'),
    entries,
  };
}
