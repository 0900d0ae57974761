import { canonicalEventId, canonicalName, subjectHash } from '../../common/agreement/names.ts';
import type { ScheduledEvent } from '../metadata/document.ts';
import {
  changePromise,
  isLive,
  newPreparation,
  noteEvent,
  ownName,
  recordActivity,
  runHook,
  writeLog,
  type Draft,
} from './draft.ts';
import type { PollResult } from './observation.ts';
import type { EventEntry } from './state.ts';

/**
 * After the service was disabled and enabled again, incarnations start anew and events may not be shown for up to five
 * minutes. So for that long a lower incarnation than the highest known says nothing about absence.
 * Source: Azure docs, Scheduled Events, "Enabling and disabling scheduled events".
 */
export const REENABLE_MS = 5 * 60_000;

/**
 * Between two successful polls at most this much counts as "absent", however long they lie apart: in between nobody looked
 * (a frozen VM, a run of failed polls), and an empty document may be a passing fault of the service.
 */
export const MAX_ABSENCE_CREDIT_MS = 3000;

/** One absent document may be a fault of the service; so absence is never believed from one, whatever the setting. */
const MIN_ABSENT_POLLS = 2;

/** Takes in the result of a read of the metadata service, whoever asked for it. */
export function absorbPoll(draft: Draft, result: PollResult): void {
  const { state, now } = draft;
  const document = result.kind === 'document' ? result.document : state.document;
  if (result.kind === 'failed' || document === undefined) {
    // No information: neither presence nor absence, and no reason to leave or enter rotation.
    const reason = result.kind === 'failed' ? result.reason : 'unchanged, but nothing was read before';
    state.lastPoll = { atMs: now.monotonicMs, ok: false, reason };
    state.boot.quietSinceMs = undefined;
    return;
  }
  state.lastPoll = { atMs: now.monotonicMs, ok: true, reason: '' };
  state.boot.hasPolled = true;
  state.document = document;
  const tellsAbsence = trackIncarnation(draft, document.incarnation);
  const present = new Set<string>();
  for (const event of document.events) {
    present.add(canonicalEventId(event.eventId));
    seeEvent(draft, event);
  }
  for (const [key, entry] of Object.entries(state.events)) {
    if (present.has(key)) continue;
    entry.isPresent = false;
    if (isLive(entry) && tellsAbsence) creditAbsence(draft, key, entry);
  }
  state.boot.quietSinceMs = Object.values(state.events).some(isLive)
    ? undefined
    : (state.boot.quietSinceMs ?? now.monotonicMs);
}

/** Returns whether a document with this incarnation says anything about events that are not in it. */
function trackIncarnation(draft: Draft, incarnation: number): boolean {
  const { state, now } = draft;
  const highest = state.incarnation;
  if (highest !== undefined && incarnation < highest) {
    state.lowIncarnationSinceMs ??= now.monotonicMs;
    if (now.monotonicMs - state.lowIncarnationSinceMs < REENABLE_MS) return false;
  }
  state.lowIncarnationSinceMs = undefined;
  if (highest !== incarnation) {
    state.incarnation = incarnation;
    state.revision++;
  }
  return true;
}

function seeEvent(draft: Draft, event: ScheduledEvent): void {
  const key = canonicalEventId(event.eventId);
  const entry = draft.state.events[key];
  const isNamed = event.resources.some((name) => canonicalName(name) === ownName(draft.state));
  if (entry === undefined) {
    if (isNamed) addEvent(draft, key, event);
    return;
  }
  entry.isPresent = true;
  entry.status = event.status;
  entry.absence = undefined;
  entry.promise.eventId = event.eventId;
  entry.promise.notBeforeMs = event.notBeforeMs ?? entry.promise.notBeforeMs;
  entry.promise.description = event.description;
  entry.promise.source = event.source;
  entry.promise.durationSeconds = event.durationSeconds;
  if (!isLive(entry)) {
    if (isNamed) reviveEvent(draft, entry, event);
    return;
  }
  const hash = subjectHash(event);
  if (hash !== entry.promise.hash) changeEvent(draft, entry, event, hash);
  if (event.status === 'Started' && !entry.promise.started) {
    noteEvent(draft, entry, { started: true });
    recordActivity(draft, 'event.started', event.eventId, `${event.eventType} has started`);
    runHook(draft, key, entry, 'started');
  }
}

function addEvent(draft: Draft, key: string, event: ScheduledEvent): void {
  const hasStarted = event.status === 'Started';
  const entry: EventEntry = {
    promise: {
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
      hooks: [],
    },
    ...freshProgress(draft),
    isPresent: true,
    status: event.status,
  };
  draft.state.events[key] = entry;
  changePromise(draft, entry, {});
  recordActivity(draft, 'event.seen', event.eventId, describeEvent(draft, event));
  runHook(draft, key, entry, 'seen');
  if (hasStarted) {
    recordActivity(draft, 'event.started', event.eventId, `${event.eventType} has started without notice`);
    runHook(draft, key, entry, 'started');
  }
}

/** What an entry has besides its promise when nothing has happened yet. */
export function freshProgress(draft: Draft): Omit<EventEntry, 'promise' | 'isPresent' | 'status'> {
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
  };
}

/** Thought to be over, and here again: everything starts anew but for what was intended before. */
function reviveEvent(draft: Draft, entry: EventEntry, event: ScheduledEvent): void {
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
    hooks: entry.promise.hooks.filter((phase) => phase === 'seen'),
  });
  writeLog(draft, 'warn', 'an event that had gone is here again', { eventId: event.eventId, detail: event.eventType });
}

/** Rule 4: other VMs, or another type: what was promised was about something else. The VM stays out meanwhile. */
function changeEvent(draft: Draft, entry: EventEntry, event: ScheduledEvent, hash: string): void {
  const { promise } = entry;
  if (promise.posted || promise.approved) {
    // Rule 11: the approval counts for whomever the event names by the time the platform acts, agreed or not.
    writeLog(draft, 'error', 'the event names other VMs than those that agreed to its approval', {
      eventId: event.eventId,
      detail: `agreed: ${promise.resources.join(', ')}; now: ${event.resources.join(', ')}`,
    });
  }
  if (entry.preparation.step === 'proven' || entry.preparation.step === 'reread') {
    entry.preparation = {
      ...entry.preparation,
      step: 'reread',
      startedAtMs: draft.now.monotonicMs,
      clearReads: 0,
      sinceToken: draft.state.nextId,
    };
  }
  entry.approval = { step: 'idle', retryAtMs: 0 };
  changePromise(draft, entry, {
    eventType: event.eventType,
    resources: event.resources,
    hash,
    promise: promise.promise === 'none' ? 'none' : 'binding',
  });
  recordActivity(draft, 'event.changed', event.eventId, describeEvent(draft, event));
}

function creditAbsence(draft: Draft, key: string, entry: EventEntry): void {
  const atMs = draft.now.monotonicMs;
  const before = entry.absence;
  entry.absence =
    before === undefined
      ? { creditedMs: 0, polls: 1, lastAtMs: atMs }
      : {
          creditedMs: before.creditedMs + Math.min(atMs - before.lastAtMs, MAX_ABSENCE_CREDIT_MS),
          polls: before.polls + 1,
          lastAtMs: atMs,
        };
  if (entry.absence.polls < MIN_ABSENT_POLLS) return;
  if (entry.absence.creditedMs >= draft.state.settings.absentForMs) endEvent(draft, key, entry);
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
  changePromise(draft, entry, { promise: 'released' });
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
