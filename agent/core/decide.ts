import { absorbPosted, absorbRead, advanceApproval } from './approval.ts';
import type { Action } from './action.ts';
import { absorbPoll } from './document.ts';
import { changePromise, isDurable, isLive, openDraft, recordActivity, runHook, type Draft } from './draft.ts';
import { advanceLead } from './lead.ts';
import { absorbMaintenanceDrain, absorbMaintenanceRestore, advanceMaintenance } from './maintenance.ts';
import type { Observation } from './observation.ts';
import { absorbLeave, advancePlan } from './plan.ts';
import { absorbDrainRead, absorbGate, advancePreparation, isProofFresh } from './preparation.ts';
import {
  absorbConnected,
  absorbDisconnected,
  absorbRecord,
  absorbRecords,
  advanceReconciliation,
} from './reconcile.ts';
import { absorbAnswer } from './answers.ts';
import { advanceReport } from './report.ts';
import { absorbBackIn, absorbRestoredHook, absorbTurnedAway, advanceRotation } from './rotation.ts';
import { durableOf } from './durable.ts';
import { absorbWithdraw, advanceWithdrawal } from './withdrawal.ts';
import type { AgentState, EventEntry, Instant } from './state.ts';

/**
 * What a VM does about events: the pure heart of the agent.
 *
 *   seen ──▶ binding ──▶ prepared ──▶ (approved) ──▶ (started) ──▶ released ──▶ forgotten
 *              │  ▲          │                                        ▲
 *              │  └──────────┘ the event names other VMs              │
 *              └──────────────────────────────────────────────────────┘ gone for long enough, also without a start
 *
 * The contract with whoever drives it (the agent's shell, or a simulator):
 * - `decide` is called with one observation at a time and returns the next state and the actions it wants performed, in
 *   order. It reads no clock and keeps nothing; `state` is plain data and is not changed.
 * - Every action that has an answer (action.ts) is answered once, by an observation, also when it failed. Actions may be
 *   performed at the same time, except that `drain.*` keep their order and hooks of the phases prepare, ready and restored
 *   keep theirs.
 * - What is durable is only what a `persisted` observation has confirmed; a crash loses everything else, and the driver
 *   starts again with `initialState(settings, newest persisted, now)`. Nothing rests on a promise before it is confirmed.
 * - `now` holds both times of one moment. Monotonic time may start anew after a crash, never before.
 * - `tick` must come now and then (a second is enough), so that waits end.
 */
export function decide(
  state: AgentState,
  observation: Observation,
  now: Instant,
): { readonly state: AgentState; readonly actions: readonly Action[] } {
  const draft = openDraft(state, now);
  absorb(draft, observation);
  advanceReconciliation(draft);
  const { maintenance, events } = draft.state;
  for (const key in maintenance) {
    const entry = maintenance[key];
    if (entry?.isReleased === false) advancePreparation(draft, key, entry);
  }
  advanceMaintenance(draft);
  for (const key in events) {
    const entry = events[key];
    if (entry !== undefined) advanceEvent(draft, key, entry);
  }
  advanceRotation(draft);
  forget(draft);
  persist(draft, state.revision);
  return { state: draft.state, actions: draft.actions };
}

function absorb(draft: Draft, observation: Observation): void {
  switch (observation.kind) {
    case 'tick':
      return;
    case 'poll':
      absorbPoll(draft, observation.result);
      return;
    case 'read':
      absorbRead(draft, observation.token, observation.result);
      return;
    case 'posted':
      absorbPosted(draft, observation);
      return;
    case 'persisted':
      draft.state.persistedRevision = Math.max(draft.state.persistedRevision, observation.revision);
      return;
    case 'persist-failed':
      draft.state.persistRetryAtMs = draft.now.monotonicMs + PERSIST_RETRY_MS;
      return;
    case 'connected':
      absorbConnected(draft);
      return;
    case 'disconnected':
      absorbDisconnected(draft);
      return;
    case 'records':
      absorbRecords(draft, observation.id, observation.records);
      return;
    case 'record':
      absorbRecord(draft, observation.record);
      return;
    case 'answer':
      absorbAnswer(draft, observation.id, observation.outcome, observation.record);
      return;
    case 'unanswered':
      absorbAnswer(draft, observation.id, undefined, undefined);
      absorbLeave(draft, { id: observation.id, granted: undefined, detail: '' });
      return;
    case 'turned-away':
      absorbTurnedAway(draft, observation.ok, observation.detail);
      return;
    case 'drain-read':
      absorbReadOfDrain(draft, observation);
      return;
    case 'back-in':
      absorbBackIn(draft, observation.ok, observation.detail);
      return;
    case 'hook':
      absorbHook(draft, observation);
      return;
    case 'maintenance-drain':
      absorbMaintenanceDrain(draft, observation);
      return;
    case 'maintenance-restore':
      absorbMaintenanceRestore(draft, observation.workId, observation.attempt);
      return;
    case 'leave':
      absorbLeave(draft, observation);
      return;
    case 'withdraw':
      absorbWithdraw(draft, observation.eventId);
      return;
    default:
      observation satisfies never;
  }
}

/** A disk that is full may be emptied; trying more often than this would only fill the log. */
const PERSIST_RETRY_MS = 1000;

/**
 * A look at the balancers that takes so much longer than the one before it counts for nothing: the VM may have stood still in it, and
 * a balancer may have forgotten the drain since it answered. Balancers that are always slow are compared with themselves.
 */
const UNUSUAL_READ_MS = 1000;

/** A released event is kept for so long after its release, so that its record can still be ended by this VM. */
const END_WITHIN_MS = 60_000;

/** Released events kept at most, the oldest dropped first; each is a few hundred bytes of every journal line. */
const MAX_RELEASED = 200;

function advanceEvent(draft: Draft, key: string, entry: EventEntry): void {
  const { promise } = entry;
  if (entry.record?.phase === 'approved' && !promise.approved && isLive(entry)) {
    promise.approved = true;
    draft.state.revision++;
    runHook(draft, key, entry, 'approved');
  }
  if (isLive(entry)) {
    advancePlan(draft, key, entry);
    if (entry.plan.stance === 'out' && !promise.resumed) {
      advancePreparation(draft, key, entry);
      advancePromise(draft, entry);
    }
    advanceWithdrawal(draft, key, entry);
  }
  advanceReport(draft, key, entry);
  advanceLead(draft, key, entry);
  advanceApproval(draft, entry);
}

/** binding → prepared, the moment everything is proven; the promise counts once it is on disk. Never without the operator's leave to agree. */
function advancePromise(draft: Draft, entry: EventEntry): void {
  const { promise } = entry;
  const { approve, onFailure } = entry.plan.decision;
  const isWanted = promise.promise === 'binding' && !promise.started && entry.isPresent && approve === 'when-ready';
  // A document that is older than one read before may tell of an event that is over: out, but no promise (rule 5, REENABLE_MS).
  if (draft.state.lowIncarnationSinceMs !== undefined) return;
  // While a withdrawal is on its way nothing may be promised after it.
  if (!isWanted || entry.withdrawal?.number !== undefined || !isDurable(draft, entry)) return;
  const isProven = entry.preparation.step === 'proven';
  // Rule 6: only by the operator's explicit word, and only where every balancer at least has accepted that the VM is out.
  const isGivenUp =
    onFailure === 'approve' && entry.preparation.step === 'retry' && draft.state.rotation.state === 'out';
  if (!isProven && !isGivenUp) return;
  if (isProven && !isProofFresh(draft, entry)) return;
  changePromise(draft, entry, { promise: 'prepared', offered: true, deadlineReached: isGivenUp });
  entry.preparedAtMs = draft.now.monotonicMs;
  const failure = isGivenUp ? `, as the policy says, although its drain failed: ${entry.preparation.detail}` : '';
  recordActivity(draft, 'promise.prepared', promise.eventId, `stays out until the event has ended${failure}`);
}

function absorbReadOfDrain(
  draft: Draft,
  read: { readonly token: number; readonly clear: boolean; readonly detail: string },
): void {
  const { state } = draft;
  const { rotation } = state;
  if (rotation.readToken !== read.token) return;
  rotation.readToken = undefined;
  const tookMs = draft.now.monotonicMs - rotation.readAtMs;
  const isOld = tookMs > (rotation.readTookMs ?? 0) + UNUSUAL_READ_MS;
  rotation.readTookMs = tookMs;
  // It may be of the time before this VM stood still; it is asked for again.
  if (isOld) return;
  for (const entry of Object.values(state.events)) if (isLive(entry)) absorbDrainRead(entry, read);
  for (const entry of Object.values(state.maintenance)) if (!entry.isReleased) absorbDrainRead(entry, read);
}

function absorbHook(draft: Draft, hook: Extract<Observation, { kind: 'hook' }>): void {
  const { key, phase, ok, detail } = hook;
  const entry = draft.state.events[key] ?? draft.state.maintenance[key];
  if (entry === undefined) return;
  entry.runningHooks = entry.runningHooks.filter((running) => running !== phase);
  if (phase === 'prepare' || phase === 'ready') absorbGate(draft, key, entry, { phase, ok, detail });
  else if (phase === 'restored') absorbRestoredHook(draft, entry, ok);
  else if ('promise' in entry && phase !== 'failed') {
    // Once for each event; after a crash in between perhaps once more.
    entry.promise.hooks = [...entry.promise.hooks, phase];
    draft.state.revision++;
  }
}

function forget(draft: Draft): void {
  const { state, now } = draft;
  const { hasCoordinator } = state.settings;
  let isAny = false;
  for (const key in state.events) isAny ||= isForgettable(state.events[key]);
  if (!isAny) return;
  const released = Object.entries(state.events).filter(([, entry]) => isForgettable(entry));
  for (const [index, [key, entry]] of released.entries()) {
    const { promise, record } = entry;
    const isHeard = !hasCoordinator || entry.reportedNumber >= promise.number;
    const isEnded =
      record === undefined || record.phase === 'ended' || now.monotonicMs - entry.releasedAtMs > END_WITHIN_MS;
    const isDone = promise.hooks.includes('restored') && isHeard && (isEnded || !hasCoordinator);
    if ((isDone && state.rotation.state === 'in') || index < released.length - MAX_RELEASED) {
      delete state.events[key];
      state.revision++;
    }
  }
}

function isForgettable(entry: EventEntry | undefined): boolean {
  return entry !== undefined && !isLive(entry) && !entry.isPresent;
}

function persist(draft: Draft, before: number): void {
  const { state, now } = draft;
  if (state.revision === before && now.monotonicMs < state.persistRetryAtMs) return;
  state.persistRetryAtMs = Number.POSITIVE_INFINITY;
  draft.actions.unshift({ kind: 'persist', revision: state.revision, durable: durableOf(state) });
}
