import { canonicalEventId, canonicalNames, subjectHash } from '../../common/agreement/names.ts';
import type { EventDocument, ScheduledEvent } from './event-document.ts';
import { changeBoot, changePromise, isLive, noteEvent, ownName, recordActivity, runHook, type Draft } from './draft.ts';
import { addEvent, changeEvent, creditAbsence, isAbsentFor, reviveEvent, withCredit } from './event-life.ts';
import type { PollResult } from './observation.ts';
import type { EventPromise } from './state.ts';

/**
 * After the service was disabled and enabled again, incarnations start anew and events may not be shown for up to five
 * minutes. So for that long a lower incarnation than the highest known says nothing about absence.
 * Source: Azure docs, Scheduled Events, "Enabling and disabling scheduled events".
 */
export const REENABLE_MS = 5 * 60_000;

/** Takes in the result of a read of the metadata service, whoever asked for it. */
export function absorbPoll(draft: Draft, result: PollResult): void {
  const { state, now } = draft;
  const document = result.kind === 'document' ? result.document : state.document;
  if (result.kind === 'failed' || document === undefined) {
    // No information: neither presence nor absence, and no reason to leave or enter rotation.
    const reason = result.kind === 'failed' ? result.reason : 'unchanged, but nothing was read before';
    state.lastPoll = { atMs: now.monotonicMs, ok: false, reason };
    if (state.boot.quietSinceMs !== undefined) changeBoot(draft, { quietSinceMs: undefined });
    return;
  }
  state.lastPoll = { atMs: now.monotonicMs, ok: true, reason: '' };
  state.document = document;
  const tellsAbsence = trackIncarnation(draft, document.incarnation);
  const present = new Set<string>();
  for (const event of document.events) {
    present.add(canonicalEventId(event.eventId));
    seeEvent(draft, event);
  }
  for (const key in state.events) {
    const entry = state.events[key];
    if (entry === undefined || present.has(key)) continue;
    entry.isPresent = false;
    if (isLive(entry) && tellsAbsence) creditAbsence(draft, key, entry);
  }
  if (!state.boot.hasPolled) changeBoot(draft, { hasPolled: tellsAtBoot(draft, document) });
  const isQuiet = !Object.values(state.events).some(isLive);
  if (isQuiet !== (state.boot.quietSinceMs !== undefined))
    changeBoot(draft, { quietSinceMs: isQuiet ? now.monotonicMs : undefined });
}

/**
 * Rule 5 holds at boot too: where no journal says what was promised, one document without events is no proof that there are
 * none. With a journal each event in it is waited for by itself.
 */
function tellsAtBoot(draft: Draft, document: EventDocument): boolean {
  const { boot, events, settings } = draft.state;
  if (boot.hasJournal || document.events.length > 0 || Object.values(events).some(isLive)) return true;
  const absence = withCredit(boot.absence, draft.now.monotonicMs);
  changeBoot(draft, { absence });
  return isAbsentFor(absence, settings.absentForMs);
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

function isReported({ promise }: EventPromise): boolean {
  return promise === 'binding' || promise === 'prepared' || promise === 'consented';
}

function seeEvent(draft: Draft, event: ScheduledEvent): void {
  const key = canonicalEventId(event.eventId);
  const entry = draft.state.events[key];
  const isNamed = canonicalNames(event.resources).includes(ownName(draft.state));
  if (entry === undefined) {
    if (isNamed) addEvent(draft, key, event);
    return;
  }
  entry.isPresent = true;
  entry.status = event.status;
  entry.absence = undefined;
  entry.promise.eventId = event.eventId;
  const before = entry.promise.notBeforeMs;
  entry.promise.notBeforeMs = event.notBeforeMs ?? before;
  entry.promise.description = event.description;
  entry.promise.source = event.source;
  entry.promise.durationSeconds = event.durationSeconds;
  if (!isLive(entry)) {
    if (isNamed) reviveEvent(draft, entry, event);
    return;
  }
  const { promise } = entry;
  // The very same list, as it is in a document that has not changed: what was reckoned once is not reckoned every second.
  const isSame = event.resources === promise.resources && event.eventType === promise.eventType;
  const hash = isSame ? promise.hash : subjectHash(event);
  if (hash !== entry.promise.hash) changeEvent(draft, entry, event, hash);
  else if (isReported(promise) && before !== undefined && before !== promise.notBeforeMs) {
    // No part of what is agreed on, but operators read it in the record: what was promised is said again.
    changePromise(draft, entry, {});
  }
  if (event.status === 'Started' && !entry.promise.started) {
    noteEvent(draft, entry, { started: true });
    recordActivity(draft, 'event.started', event.eventId, `${event.eventType} has started`);
    runHook(draft, key, entry, 'started');
  }
}
