import { subjectHash } from '../../common/agreement/names.ts';
import { newPlan } from './plan.ts';
import {
  changePromise,
  namesOnly,
  newPreparation,
  noteEvent,
  recordActivity,
  runHook,
  writeLog,
  type Draft,
} from './draft.ts';
import { proveAgain } from './preparation.ts';
import type { ScheduledEvent } from './event-document.ts';
import type { EventEntry, EventPromise, Plan } from './state.ts';

/**
 * Between two successful polls at most this much counts as "absent", however long they lie apart: in between nobody looked
 * (a frozen VM, a run of failed polls), and an empty document may be a passing fault of the service.
 */
export const MAX_ABSENCE_CREDIT_MS = 3000;

/** One absent document may be a fault of the service; so absence is never believed from one, whatever the setting. */
const MIN_ABSENT_POLLS = 2;

/** An event that names this VM is seen for the first time: from now on the VM is bound by it. */
export function addEvent(draft: Draft, key: string, event: ScheduledEvent): void {
  const hasStarted = event.status === 'Started';
  const promise: EventPromise = {
    eventId: event.eventId,
    eventType: event.eventType,
    resources: event.resources,
    hash: subjectHash(event),
    // Rule 12: what starts without notice leaves nothing to promise and nothing to approve.
    promise: hasStarted ? 'none' : 'binding',
    number: 0,
    localIntent: false,
    posted: false,
    approved: false,
    started: hasStarted,
    notBeforeMs: event.notBeforeMs,
    description: event.description,
    source: event.source,
    durationSeconds: event.durationSeconds,
    offered: false,
    deadlineReached: false,
    resumed: false,
    seenAtMs: draft.now.wallMs,
    // Nothing was taken from the application yet, so there is nothing to give back to it.
    hooks: ['restored'],
  };
  const entry: EventEntry = {
    promise,
    ...freshProgress(draft),
    plan: withoutReturn(draft, newPlan(draft.state, promise, false)),
    isPresent: true,
    status: event.status,
  };
  draft.state.events[key] = entry;
  // Named alone it may have sent its approval already: nobody takes that back.
  promise.localIntent = entry.plan.isBound && namesOnly(draft.state, event.resources);
  changePromise(draft, entry, {});
  recordActivity(draft, 'event.seen', event.eventId, describeEvent(draft, event));
  runHook(draft, key, entry, 'seen');
  if (hasStarted) {
    recordActivity(draft, 'event.started', event.eventId, `${event.eventType} has started without notice`);
    runHook(draft, key, entry, 'started');
  }
}

/**
 * Seen at boot by a VM without a journal, which may have promised, or even approved, in a life that it has forgotten: it leaves
 * at once and stays out to the end, whatever the policy says of when.
 */
function withoutReturn(draft: Draft, plan: Plan): Plan {
  const { hasJournal, hasPolled, hasReconciled } = draft.state.boot;
  const isForgotten = !hasJournal && (!hasPolled || !hasReconciled);
  return { ...plan, isBound: isForgotten && plan.decision.consequence === 'drain' };
}

/** What an entry has besides its promise when nothing has happened yet. */
export function freshProgress(draft: Draft): Omit<EventEntry, 'promise' | 'plan' | 'isPresent' | 'status'> {
  return {
    revision: draft.state.revision,
    absence: undefined,
    preparation: newPreparation(draft),
    preparedAtMs: 0,
    releasedAtMs: 0,
    record: undefined,
    leaseSeenAtMs: 0,
    reportedNumber: 0,
    reportRetryAtMs: 0,
    lead: { term: undefined, renewedAtMs: 0, retryAtMs: 0 },
    approval: { step: 'idle', retryAtMs: 0 },
    runningHooks: [],
    restoreAttempts: 0,
    withdrawal: undefined,
  };
}

/** Thought to be over, and here again: everything starts anew but for what was intended before. */
export function reviveEvent(draft: Draft, entry: EventEntry, event: ScheduledEvent): void {
  const hasStarted = event.status === 'Started' || entry.promise.started;
  entry.preparation = newPreparation(draft);
  entry.approval = { step: 'idle', retryAtMs: 0 };
  entry.restoreAttempts = 0;
  changePromise(draft, entry, {
    eventType: event.eventType,
    resources: event.resources,
    hash: subjectHash(event),
    promise: hasStarted && entry.promise.number === 0 ? 'none' : 'binding',
    started: hasStarted,
    resumed: false,
    hooks: entry.promise.hooks.filter((phase) => phase === 'seen' || phase === 'restored'),
  });
  entry.plan = newPlan(draft.state, entry.promise, false);
  writeLog(draft, 'warn', 'an event that had gone is here again', { eventId: event.eventId, detail: event.eventType });
}

/** Rule 4: other VMs, or another type: what was promised was about something else. The VM stays out meanwhile. */
export function changeEvent(draft: Draft, entry: EventEntry, event: ScheduledEvent, hash: string): void {
  const { promise } = entry;
  if (promise.posted || promise.approved || entry.approval.step === 'post') {
    // Rule 11: the approval counts for whomever the event names by the time the platform acts, agreed or not.
    writeLog(draft, 'error', 'the event names other VMs than those that agreed to its approval', {
      eventId: event.eventId,
      detail: `agreed: ${promise.resources.join(', ')}; now: ${event.resources.join(', ')}`,
    });
  }
  if (entry.preparation.step === 'proven' || entry.preparation.step === 'reread') proveAgain(draft, entry);
  entry.approval = { step: 'idle', retryAtMs: 0 };
  const subject = { eventType: event.eventType, resources: event.resources, hash };
  // What was withdrawn has no lower promise, and the record it was withdrawn from will not be approved.
  if (promise.promise === 'withdrawn') noteEvent(draft, entry, subject);
  else changePromise(draft, entry, { ...subject, promise: promise.promise === 'none' ? 'none' : 'binding' });
  recordActivity(draft, 'event.changed', event.eventId, describeEvent(draft, event));
}

/** One more successful poll without the event; the last of enough of them ends it. */
export function creditAbsence(draft: Draft, key: string, entry: EventEntry): void {
  entry.absence = withCredit(entry.absence, draft.now.monotonicMs);
  if (isAbsentFor(entry.absence, draft.state.settings.absentForMs)) endEvent(draft, key, entry);
}

export function withCredit(before: EventEntry['absence'], atMs: number): NonNullable<EventEntry['absence']> {
  if (before === undefined) return { creditedMs: 0, polls: 1, lastAtMs: atMs };
  const creditedMs = before.creditedMs + Math.min(atMs - before.lastAtMs, MAX_ABSENCE_CREDIT_MS);
  return { creditedMs, polls: before.polls + 1, lastAtMs: atMs };
}

export function isAbsentFor(absence: NonNullable<EventEntry['absence']>, absentForMs: number): boolean {
  return absence.polls >= MIN_ABSENT_POLLS && absence.creditedMs >= absentForMs;
}

/** Rule 5 is satisfied: the event is over, and with it the promise. */
function endEvent(draft: Draft, key: string, entry: EventEntry): void {
  const { promise } = entry;
  // A poller may miss the start altogether (the VM was down for it), so "never seen started" alone does not mean cancelled.
  const isCancelled =
    !promise.started && !promise.approved && !promise.posted && draft.now.wallMs < (promise.notBeforeMs ?? 0);
  const had = promise.promise;
  entry.releasedAtMs = draft.now.monotonicMs;
  entry.approval = { step: 'idle', retryAtMs: 0 };
  changePromise(draft, entry, { promise: 'released', offered: false });
  // An event that this VM promised nothing about is nothing to report about either.
  if (had === 'none' && entry.record === undefined) promise.number = entry.reportedNumber;
  const what = isCancelled ? 'was taken back before it started' : 'is over';
  recordActivity(
    draft,
    isCancelled ? 'event.cancelled' : 'event.ended',
    promise.eventId,
    `${promise.eventType} ${what}`,
  );
  if (isCancelled) runHook(draft, key, entry, 'cancelled');
  if (had !== 'none') recordActivity(draft, 'promise.released', promise.eventId, `was ${had}`);
}

function describeEvent(draft: Draft, event: ScheduledEvent): string {
  const notice =
    event.notBeforeMs === undefined
      ? ''
      : `; notice ${Math.max(0, Math.round((event.notBeforeMs - draft.now.wallMs) / 100) / 10)} s`;
  return `${event.eventType} of ${event.resources.join(', ')}${notice}`;
}
