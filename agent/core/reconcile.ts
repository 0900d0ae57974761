import { canonicalEventId, subjectHash } from '../../common/agreement/names.ts';
import { LEASE_RETRY_MS, type AgreementRecord, type MemberEntry } from '../../common/agreement/record.ts';
import { BLIND_OPEN_MS } from './blind-open.ts';
import { REENABLE_MS } from './document.ts';
import { freshProgress } from './event-life.ts';
import { newPlan, stepsBack } from './plan.ts';
import {
  changeBoot,
  changeCoordinator,
  changePromise,
  hasAgreed,
  isHeld,
  isLive,
  namesOnly,
  ownName,
  takeId,
  writeLog,
  type Draft,
} from './draft.ts';
import type { AgentState, EventEntry, EventPromise } from './state.ts';

/** May the VM be in rotation as far as its past is concerned? */
export function isReconciled(state: AgentState): boolean {
  return state.boot.isOpenedBlindly || (state.boot.hasPolled && state.boot.hasReconciled);
}

/** Asks the coordinator after each connection, and decides when waiting for an answer has to end. */
export function advanceReconciliation(draft: Draft): void {
  const { state, now } = draft;
  const { coordinator, boot } = state;
  const asked = coordinator.reconcile;
  const isOverdue = asked === undefined || now.monotonicMs - asked.atMs >= LEASE_RETRY_MS;
  if (coordinator.isConnected && !coordinator.isReady && isOverdue) {
    const id = takeId(draft);
    changeCoordinator(draft, { reconcile: { id, atMs: now.monotonicMs } });
    draft.actions.push({ kind: 'reconcile', id });
  }
  if (!boot.hasJournal && isReconciled(state)) {
    // From here on what this VM has promised is what its journal says.
    changeBoot(draft, { hasJournal: true });
    state.revision++;
  }
  if (isReconciled(state) || isHeld(state) || Object.values(state.events).some(isLive)) return;
  if (!boot.hasPolled && now.monotonicMs - boot.atMs >= BLIND_OPEN_MS) {
    openBlindly(draft, 'the metadata service has not answered since boot and no promise is known');
  } else if (boot.hasPolled && boot.quietSinceMs !== undefined && now.monotonicMs - boot.quietSinceMs >= REENABLE_MS) {
    // By rule 5 whatever this VM may have promised is over: no event has named it for longer than one may stay hidden.
    openBlindly(draft, 'the coordinator cannot be reached, and no event has named this VM for five minutes');
  }
}

function openBlindly(draft: Draft, detail: string): void {
  changeBoot(draft, { isOpenedBlindly: true });
  writeLog(draft, 'error', 'entering rotation without having reconciled', { detail });
}

export function absorbConnected(draft: Draft): void {
  changeCoordinator(draft, { isConnected: true, isReady: false, reconcile: undefined });
}

/** What was under way may or may not have been applied: everything is asked again after the next `reconcile`. */
export function absorbDisconnected(draft: Draft): void {
  const { state } = draft;
  state.coordinator = { isConnected: false, isReady: false, reconcile: undefined, outstanding: [] };
  for (const entry of Object.values(state.events)) {
    entry.lead = { term: undefined, renewedAtMs: 0, retryAtMs: 0 };
    if (entry.approval.step === 'intend') entry.approval = { step: 'idle', retryAtMs: 0 };
  }
}

/** The coordinator's copy of this VM's promises. Promises that the journal has lost are taken up again. */
export function absorbRecords(draft: Draft, id: number, records: readonly AgreementRecord[]): void {
  const { state } = draft;
  if (state.coordinator.reconcile?.id !== id) return;
  for (const record of records) {
    absorbRecord(draft, record);
    const copy = record.members[ownName(state)];
    // Another machine that goes by this name made those promises; they are not this VM's to keep.
    if (copy === undefined || copy.vmId !== state.settings.identity.vmId) continue;
    if (copy.number > state.number) {
      state.number = copy.number;
      state.revision++;
    }
    recallIncarnation(draft, record, copy);
    adoptPromise(draft, record, copy);
  }
  changeCoordinator(draft, { isReady: true, reconcile: undefined });
  changeBoot(draft, { hasReconciled: true });
}

/**
 * With its journal a VM has lost the incarnation by which it would tell that the documents it is shown are of another time
 * (rule 5): its own copy of what still holds brings it back. Not otherwise: a count that began again long ago is believed.
 */
function recallIncarnation(draft: Draft, record: AgreementRecord, copy: MemberEntry): void {
  const { state } = draft;
  const { hasJournal, hasReconciled } = state.boot;
  const isOver = record.phase === 'ended' || copy.promise === 'released' || copy.promise === 'withdrawn';
  if (hasJournal || hasReconciled || isOver || copy.incarnation === undefined) return;
  if (state.incarnation !== undefined && copy.incarnation <= state.incarnation) return;
  state.incarnation = copy.incarnation;
  state.revision++;
}

function adoptPromise(draft: Draft, record: AgreementRecord, copy: MemberEntry): void {
  const key = canonicalEventId(record.eventId);
  const entry = draft.state.events[key];
  const isPrepared = copy.promise === 'prepared';
  if (entry === undefined) {
    if (isPrepared || copy.promise === 'binding') addLostPromise(draft, key, record, copy);
    return;
  }
  if (entry.promise.promise === 'none') {
    // It has started since, and leaves nothing to promise: but what was promised keeps the VM out, whatever its policy says.
    if (isPrepared && !entry.plan.isBound) entry.plan = { ...entry.plan, isBound: true };
    return;
  }
  if (copy.number === entry.promise.number && copy.promise === entry.promise.promise) {
    // Whoever steps back asks again: only the answer to that says that the store would not lose it.
    if (!stepsBack(entry)) entry.reportedNumber = Math.max(entry.reportedNumber, copy.number);
  } else if (copy.number >= entry.promise.number) {
    // The journal is older than the copy: continue above its number, and never below what was promised.
    const isStill = isLive(entry) && isPrepared && copy.hash === entry.promise.hash;
    changePromise(draft, entry, isStill ? { promise: 'prepared', offered: true } : { offered: isLive(entry) });
    if (isStill) {
      entry.preparation = { ...entry.preparation, step: 'proven' };
      entry.preparedAtMs = draft.now.monotonicMs;
      entry.plan = { ...entry.plan, stance: 'out', outSinceMs: draft.now.monotonicMs };
    }
  }
}

function addLostPromise(draft: Draft, key: string, record: AgreementRecord, copy: MemberEntry): void {
  const { state, now } = draft;
  // The record's VMs are those this VM promised about only if the hashes agree; else the next document will tell.
  const isSame = copy.hash === subjectHash(record);
  const promise: EventPromise = {
    eventId: record.eventId,
    eventType: record.eventType,
    resources: record.resources,
    hash: isSame ? copy.hash : subjectHash(record),
    promise: copy.promise === 'prepared' && isSame ? 'prepared' : 'binding',
    number: copy.number,
    localIntent: false,
    posted: false,
    approved: record.phase === 'approved',
    started: false,
    notBeforeMs: undefined,
    description: '',
    source: '',
    durationSeconds: -1,
    // An older message of this VM may still be on its way to the coordinator.
    offered: true,
    deadlineReached: copy.deadlineReached,
    resumed: false,
    seenAtMs: now.wallMs,
    hooks: [],
  };
  const entry: EventEntry = {
    promise,
    ...freshProgress(draft),
    plan: { ...newPlan(state, promise, true), stance: 'out', outSinceMs: now.monotonicMs },
    isPresent: false,
    status: 'Unknown',
    record,
    leaseSeenAtMs: now.monotonicMs,
  };
  state.events[key] = entry;
  // Named alone it may have sent its approval and not said so yet; one whose operator wants no drain has not come so far.
  const mayHaveIntended = copy.promise === 'prepared' || entry.plan.decision.consequence === 'drain';
  promise.localIntent = mayHaveIntended && namesOnly(state, record.resources);
  if (entry.promise.promise === 'prepared') {
    entry.preparation = { ...entry.preparation, step: 'proven' };
    entry.preparedAtMs = now.monotonicMs;
  }
  changePromise(draft, entry, {});
  writeLog(draft, 'warn', 'took up a promise that only the coordinator remembered', {
    eventId: record.eventId,
    detail: `${copy.promise}, number ${copy.number}`,
  });
  // The document that was read before this copy arrived says nothing yet: absence counts from the next poll on.
  if (state.document?.events.some((event) => canonicalEventId(event.eventId) === key) === true) entry.isPresent = true;
}

/** Keeps the newest record of an event that this VM has a part in. */
export function absorbRecord(draft: Draft, record: AgreementRecord): void {
  const entry = draft.state.events[canonicalEventId(record.eventId)];
  if (entry === undefined || record.scope !== draft.state.settings.identity.scope) return;
  const before = entry.record?.lease;
  if (before?.holder !== record.lease?.holder || before?.expiresAtMs !== record.lease?.expiresAtMs)
    entry.leaseSeenAtMs = draft.now.monotonicMs;
  entry.record = record;
  // A store that has failed over may lack what it had accepted; and a record that is only old costs one report more.
  const copy = record.members[ownName(draft.state)];
  if (copy !== undefined && copy.vmId !== draft.state.settings.identity.vmId) return;
  entry.reportedNumber = Math.min(entry.reportedNumber, copy?.number ?? 0);
  // The event was thought to be over, and is here again: what this VM has promised, if it still holds, is promised again.
  const { promise } = entry;
  const isVoid = copy?.promise === 'released' && copy.number === promise.number && hasAgreed(promise);
  if (isVoid && record.phase !== 'ended') changePromise(draft, entry, {});
}
