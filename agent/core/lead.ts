import { canonicalNames } from '../../common/agreement/names.ts';
import { awaitedBy, LEASE_MS, LEASE_RENEW_MS, LEASE_RETRY_MS } from '../../common/agreement/record.ts';
import { hasAgreed, isLive, ownName, type Draft } from './draft.ts';
import { isWaiting, submit } from './commands.ts';
import { isForcedHere } from './forced.ts';
import type { EventEntry } from './state.ts';

/**
 * The VMs that an event names stand for election one after the other in the order of the document, so that normally there
 * is one candidate. The gap is the pause after which a refused candidate asks again.
 */
const STAGGER_MS = LEASE_RETRY_MS;

/** Renewal happens on the way through the decisions and never from a timer: a leader that hangs loses its lease. */
const RENEW_EVERY_MS = LEASE_RENEW_MS / 2;

/** Does this VM hold the lease of the event's record, as far as it knows? Only the coordinator knows for certain. */
export function isLeader(draft: Draft, entry: EventEntry): boolean {
  const { record, lead } = entry;
  return (
    record !== undefined &&
    lead.term !== undefined &&
    record.term === lead.term &&
    record.lease?.holder === ownName(draft.state)
  );
}

/** Campaigns for what there is to do, renews, and makes the writes that only the leader may make. */
export function advanceLead(draft: Draft, key: string, entry: EventEntry): void {
  const { state, now } = draft;
  const { promise, record } = entry;
  const isHeard = promise.number > 0 && entry.reportedNumber >= promise.number;
  if (!state.coordinator.isReady || !isHeard || record === undefined || !hasDuty(draft, entry)) return;
  const isBusy = isWaiting(draft, key, ['campaign', 'approve', 'reopen', 'end']);
  if (isBusy) return;
  if (!isLeader(draft, entry)) {
    if (mayStand(draft, entry)) campaign(draft, key, entry);
    return;
  }
  if (writeAsLeader(draft, key, entry)) return;
  if (now.monotonicMs - entry.lead.renewedAtMs >= RENEW_EVERY_MS) campaign(draft, key, entry);
}

/** Is there anything a leader would have to do for this event that this VM may do? */
function hasDuty(draft: Draft, entry: EventEntry): boolean {
  const { promise, record } = entry;
  if (record === undefined) return false;
  if (!isLive(entry)) return record.phase !== 'ended';
  if (promise.posted) return record.phase === 'preparing' || record.phase === 'intent';
  const isOpen = record.phase === 'preparing' || record.phase === 'intent' || record.phase === 'ended';
  const isApprovable = entry.isPresent && entry.status === 'Scheduled' && !promise.started && !promise.approved;
  const hasSay = hasAgreed(promise) || isForcedHere(entry);
  if (!isOpen || !isApprovable || !hasSay) return false;
  const names = canonicalNames(promise.resources);
  return names.length > 1 && names.includes(ownName(draft.state));
}

function mayStand(draft: Draft, entry: EventEntry): boolean {
  const { promise, record, lead } = entry;
  const nowMs = draft.now.monotonicMs;
  if (nowMs < lead.retryAtMs) return false;
  const holder = record?.lease?.holder;
  // Whoever holds the lease has it for so long after the last change that was seen; the clocks need not agree for that.
  if (holder !== undefined && holder !== ownName(draft.state) && nowMs - entry.leaseSeenAtMs < LEASE_MS) return false;
  const position = canonicalNames(promise.resources).indexOf(ownName(draft.state));
  // 30 s of notice leave no time for queueing; the lease alone decides.
  const pauseMs = promise.eventType === 'Preempt' && isLive(entry) ? 0 : Math.max(0, position) * STAGGER_MS;
  return nowMs - (isLive(entry) ? entry.preparedAtMs : entry.releasedAtMs) >= pauseMs;
}

function campaign(draft: Draft, key: string, entry: EventEntry): void {
  const { scope, name } = draft.state.settings.identity;
  submit(draft, key, { kind: 'campaign', scope, eventId: entry.promise.eventId, holder: name });
}

/** The leader's writes other than the intent; false when there is none to make. */
function writeAsLeader(draft: Draft, key: string, entry: EventEntry): boolean {
  const { promise, record, lead } = entry;
  if (record === undefined || lead.term === undefined) return false;
  const { scope, name } = draft.state.settings.identity;
  const base = { scope, eventId: promise.eventId, holder: name, term: lead.term };
  if (!isLive(entry)) {
    submit(draft, key, { kind: 'end', ...base });
    return true;
  }
  if (record.phase === 'ended' || (record.hash !== promise.hash && entry.isPresent)) {
    submit(draft, key, { kind: 'reopen', ...base, eventType: promise.eventType, resources: promise.resources });
    return true;
  }
  if (!promise.posted) return false;
  if (record.phase === 'intent') {
    submit(draft, key, { kind: 'approve', ...base });
    return true;
  }
  // Approved alone (rule 8) while the coordinator was away: its record catches up with what has happened.
  if (awaitedBy(record, new Set()).length === 0 && !isWaiting(draft, key, ['intend'])) {
    submit(draft, key, { kind: 'intend', ...base, hash: promise.hash });
    return true;
  }
  return false;
}
