import { isWithin } from './daily-window.ts';
import { sharesOf, totalOf, type Budget } from './budget.ts';
import { decidePolicy, describeDecision, isSameSubject, subjectOf } from './policy.ts';
import {
  changePromise,
  isDurable,
  namesOnly,
  newPreparation,
  noteEvent,
  recordActivity,
  takeId,
  writeLog,
  type Draft,
} from './draft.ts';
import type { AgentState, EventEntry, Plan } from './state.ts';

/**
 * Whether an event takes this VM out of rotation, and when:
 *
 *   serving ──▶ out ──▶ stepping-back ──▶ serving
 *      ▲                     │  │
 *      └── consent, notify   │  └──▶ out (too late, or somebody may have approved)
 *                            └ the coordinator has the promise taken back, and no intent was ever recorded
 *
 * A promise that others may rest on is taken back by writing a lower one into the event's record. It counts from the moment
 * the coordinator has accepted it into a record without an intent: whoever wants to approve afterwards finds it there
 * (coordination rules 1 and 7). Until then the VM stays out, and after an intent it stays out to the end.
 */
/** Rounds up what the phases take: polls, ticks and a disk that is slow. */
const MARGIN_MS = 5000;

/** With less than this until the VM has to leave again, coming back is not worth it. */
const WORTH_RETURNING_MS = 60_000;

/** How often the scheduler is asked again whether the role can do without this VM. */
const LEAVE_RETRY_MS = 5000;

/** An impact of unknown length counts as over so long after its start, before the operator's settling time. */
const UNKNOWN_IMPACT_MS = 60_000;

/** A plan for an event that was just read, or (after boot) was in the journal. */
export function newPlan(state: AgentState, promise: EventEntry['promise'], isAfterRestart: boolean): Plan {
  return {
    decision: decidePolicy(state.settings.policy, promise),
    decidedFor: subjectOf(promise),
    stance: 'serving',
    reason: '',
    outSinceMs: 0,
    endsAtMs: undefined,
    endsFor: undefined,
    shares: undefined,
    hasGivenUp: false,
    isBound: false,
    leave: { id: undefined, retryAtMs: 0, isGranted: false },
    startedAtMs: undefined,
    isAfterRestart,
  };
}

/** What getting ready may take, as the operator set it. */
export function budgetOf(state: AgentState): Budget {
  const { settings } = state;
  const { hooksMs, agreementMs } = settings.policy;
  return { detectionMs: settings.detectionMs, drainMs: settings.drainTimeoutMs, hooksMs, agreementMs };
}

/** Brings the plan up to date, and with it what the VM promises. */
export function advancePlan(draft: Draft, key: string, entry: EventEntry): void {
  const { promise } = entry;
  const { plan } = entry;
  const { policy } = draft.state.settings;
  if (policy.rules.length > 0 && !isSameSubject(plan.decidedFor, promise)) {
    const decision = decidePolicy(policy, promise);
    if (decision.rule !== plan.decision.rule)
      recordActivity(draft, 'plan.decided', promise.eventId, describeDecision(decision));
    plan.decision = decision;
    plan.decidedFor = subjectOf(promise);
  }
  trackEnd(draft, entry);
  clearOffer(draft, entry);
  if (promise.promise === 'withdrawn') return;
  if (promise.started) plan.startedAtMs ??= draft.now.monotonicMs;
  if (plan.isBound) leave(draft, entry);
  else if (plan.decision.consequence !== 'drain') serve(draft, entry);
  else if (promise.started) {
    leave(draft, entry);
    resumeAfterImpact(draft, entry);
  } else if (plan.stance === 'serving') leaveWhenWanted(draft, key, entry);
  else if (plan.stance === 'out') returnWhenPointless(draft, entry);
  else if (!promise.offered && !isEarlyEnd(draft, entry)) {
    plan.stance = 'serving';
  } else if (isEarlyEnd(draft, entry) || entry.record?.everIntent === true) leave(draft, entry);
}

/** NotBefore on the monotonic clock, from the moment it was first read; the earlier of both clocks counts. */
function trackEnd(draft: Draft, entry: EventEntry): void {
  const { plan, promise } = entry;
  const { notBeforeMs } = promise;
  if (notBeforeMs === undefined || notBeforeMs === plan.endsFor) return;
  const noticeMs = notBeforeMs - draft.now.wallMs;
  const shares = sharesOf(budgetOf(draft.state), noticeMs);
  plan.endsFor = notBeforeMs;
  plan.endsAtMs = draft.now.monotonicMs + noticeMs;
  plan.shares = shares;
  if (!shares.isTight || promise.started || plan.decision.consequence !== 'drain') return;
  recordActivity(draft, 'plan.tight', promise.eventId, shares.detail);
  writeLog(draft, 'warn', 'the notice is too short for all that was planned', {
    eventId: promise.eventId,
    detail: shares.detail,
  });
}

/** Milliseconds until getting ready has to begin; below zero once it has. An event without a time is about to start. */
export function untilLateMs(draft: Draft, entry: EventEntry): number {
  const { endsAtMs } = entry.plan;
  const { notBeforeMs } = entry.promise;
  if (endsAtMs === undefined || notBeforeMs === undefined) return Number.NEGATIVE_INFINITY;
  const left = Math.min(endsAtMs - draft.now.monotonicMs, notBeforeMs - draft.now.wallMs);
  return left - totalOf(budgetOf(draft.state)) - MARGIN_MS;
}

/** Nothing is gained by waiting any longer, or the event may start at any moment. */
function isEarlyEnd(draft: Draft, entry: EventEntry): boolean {
  return untilLateMs(draft, entry) <= 0 || mayBeApproved(entry);
}

/** An approval may have been sent, by this VM or another: from now on nothing is taken back. */
function mayBeApproved(entry: EventEntry): boolean {
  const { promise, record, approval } = entry;
  return (
    promise.approved ||
    promise.posted ||
    promise.localIntent ||
    approval.step === 'post' ||
    approval.step === 'intend' ||
    record?.everIntent === true
  );
}

/** Why leaving early would lead nowhere, whatever else happens; undefined when it may. */
function obstacle(entry: EventEntry): string | undefined {
  const { plan, record } = entry;
  if (record?.phase === 'aborted') return 'a VM that the event names stays in service, so it comes at its own time';
  if (plan.decision.approve === 'never') return 'this VM does not agree to an early start';
  if (plan.decision.when === 'late') return 'it leaves as late as it can';
  return plan.hasGivenUp ? 'it was out for long and nobody could approve' : undefined;
}

/** What may pass by itself. */
function hindrance(draft: Draft, entry: EventEntry): string | undefined {
  const { state, now } = draft;
  const { when } = entry.plan.decision;
  if (typeof when === 'object' && !isWithin(when, now.wallMs)) return 'its window is not open';
  const isFar = untilLateMs(draft, entry) > state.settings.policy.patienceMs;
  const isAgreementNear = namesOnly(state, entry.promise.resources) || state.coordinator.isReady;
  return isFar && !isAgreementNear ? 'the event is far off and the coordinator cannot be reached' : undefined;
}

function leaveWhenWanted(draft: Draft, key: string, entry: EventEntry): void {
  if (isEarlyEnd(draft, entry)) {
    leave(draft, entry);
    return;
  }
  const reason = obstacle(entry) ?? hindrance(draft, entry) ?? askToLeave(draft, key, entry);
  const { plan } = entry;
  // The answer comes in a moment: nobody is told that it is awaited.
  const isAsking = plan.leave.id !== undefined && plan.reason === '';
  if (reason === undefined) leave(draft, entry);
  else if (!isAsking) wait(draft, entry, reason);
}

/** Below its role's minimum this VM stays as long as it can. Undefined when it may go. */
function askToLeave(draft: Draft, key: string, entry: EventEntry): string | undefined {
  const { state, now } = draft;
  const { policy, hasCoordinator } = state.settings;
  const { plan } = entry;
  // Where it is out already, for another reason, its role does without it as it is.
  if (policy.minimumInService === 0 || !hasCoordinator || state.rotation.state !== 'in') return undefined;
  if (plan.leave.isGranted) return undefined;
  const isDue = plan.leave.id === undefined && now.monotonicMs >= plan.leave.retryAtMs;
  if (isDue && state.coordinator.isReady) {
    const id = takeId(draft);
    plan.leave = { ...plan.leave, id };
    draft.actions.push({ kind: 'ask-leave', id, key, minimum: policy.minimumInService });
  }
  return plan.reason === '' || !state.coordinator.isReady
    ? `it is not known whether ${policy.minimumInService} others of its role are in service`
    : plan.reason;
}

/** The scheduler's answer to `ask-leave`, or (undefined) none. */
export function absorbLeave(
  draft: Draft,
  answer: { readonly id: number; readonly granted: boolean | undefined; readonly detail: string },
): void {
  for (const entry of Object.values(draft.state.events)) {
    if (entry.plan.leave.id !== answer.id) continue;
    entry.plan.leave = {
      id: undefined,
      retryAtMs: draft.now.monotonicMs + LEAVE_RETRY_MS,
      isGranted: answer.granted === true,
    };
    if (answer.granted === false) wait(draft, entry, answer.detail);
  }
}

function wait(draft: Draft, entry: EventEntry, reason: string): void {
  const { plan, promise } = entry;
  if (plan.reason === reason) return;
  plan.reason = reason;
  const leavesAt =
    promise.notBeforeMs === undefined ? '' : `; it leaves ${formatMs(untilLateMs(draft, entry))} from now`;
  recordActivity(draft, 'plan.waits', promise.eventId, `stays in service: ${reason}${leavesAt}`);
}

function leave(draft: Draft, entry: EventEntry): void {
  const { plan, promise } = entry;
  if (plan.stance === 'out') return;
  // Stepping back was in vain: the VM has been out all the time, and what was proven is looked at once more.
  const wasOut = plan.stance === 'stepping-back';
  plan.stance = 'out';
  plan.reason = '';
  plan.outSinceMs = draft.now.monotonicMs;
  plan.leave = { ...plan.leave, isGranted: false };
  if (promise.promise === 'consented') changePromise(draft, entry, { promise: 'binding' });
  if (wasOut) return;
  entry.preparation = newPreparation(draft);
  entry.restoreAttempts = 0;
  noteEvent(draft, entry, { hooks: promise.hooks.filter((phase) => phase !== 'restored') });
}

/** The operator lets the event hit this VM in service. Others may rest on a promise that was given before: not at once then. */
function serve(draft: Draft, entry: EventEntry): void {
  const { plan, promise } = entry;
  const agrees = plan.decision.consequence === 'consent' && plan.decision.approve === 'when-ready' && !promise.started;
  const wanted = agrees ? 'consented' : 'binding';
  const isOpen = promise.promise === 'binding' || promise.promise === 'prepared' || promise.promise === 'consented';
  const returns = plan.stance === 'out' && !mayBeApproved(entry) && !plan.isBound;
  const isOther = promise.promise !== wanted || (returns && promise.offered);
  if (isOpen && isOther && !mayBeApproved(entry) && !plan.isBound) {
    changePromise(draft, entry, { promise: wanted });
    entry.preparedAtMs = draft.now.monotonicMs;
    if (agrees)
      recordActivity(draft, 'promise.consented', promise.eventId, 'the event may come while it is in service');
  }
  if (returns) plan.stance = 'stepping-back';
  if (plan.stance === 'stepping-back' && !promise.offered) plan.stance = 'serving';
}

/** Out for nothing: goes back, and leaves again when it has to. */
function returnWhenPointless(draft: Draft, entry: EventEntry): void {
  const { plan, promise } = entry;
  const { policy } = draft.state.settings;
  const isIdle = entry.approval.step === 'idle' && entry.isPresent && !mayBeApproved(entry);
  const isOpen = promise.promise === 'binding' || promise.promise === 'prepared';
  const leftMs = untilLateMs(draft, entry);
  if (!isIdle || !isOpen || plan.isBound || leftMs < WORTH_RETURNING_MS) return;
  const isPatient = draft.now.monotonicMs - plan.outSinceMs < policy.patienceMs;
  if (obstacle(entry) === undefined && isPatient) return;
  plan.hasGivenUp ||= !isPatient;
  plan.stance = 'stepping-back';
  if (promise.offered) changePromise(draft, entry, { promise: 'binding', deadlineReached: false });
  recordActivity(
    draft,
    'plan.returns',
    promise.eventId,
    `${obstacle(entry) ?? ''}; leaves again ${formatMs(leftMs)} from now`,
  );
}

/** Without a coordinator nobody else rests on the promise: it is taken back once that is on disk. */
function clearOffer(draft: Draft, entry: EventEntry): void {
  const { promise } = entry;
  const { hasCoordinator } = draft.state.settings;
  const isLower = promise.promise === 'binding' || promise.promise === 'consented';
  if (!promise.offered || hasCoordinator || !isLower || mayBeApproved(entry) || !isDurable(draft, entry)) return;
  noteEvent(draft, entry, { offered: false });
}

/** The coordinator has accepted a lower promise, and `entry.record` is the record as it was then. */
export function clearOfferInRecord(draft: Draft, entry: EventEntry): void {
  const { promise, record } = entry;
  const isLower = promise.promise === 'binding' || promise.promise === 'consented';
  if (!promise.offered || !isLower || record === undefined || mayBeApproved(entry)) return;
  noteEvent(draft, entry, { offered: false });
}

/** Does the VM mean to be in rotation on the strength of the promise as it is now? */
export function stepsBack(entry: EventEntry): boolean {
  const { promise, plan } = entry;
  const isLower = promise.promise === 'binding' || promise.promise === 'consented';
  return isLower && promise.offered && plan.stance !== 'out';
}

/** The coordinator may lose what it accepts, so nothing is taken back: out to the end of the event, and promised anew. */
export function refuseReturn(draft: Draft, entry: EventEntry): void {
  entry.plan.isBound = true;
  entry.plan.stance = 'stepping-back';
  leave(draft, entry);
  changePromise(draft, entry, { promise: 'binding' });
  writeLog(draft, 'warn', 'stays out of rotation: the coordinator cannot take a promise back safely', {
    eventId: entry.promise.eventId,
    detail: 'its store is replicated asynchronously',
  });
}

/** The weaker way back, where the operator chose it: the impact seems to be over, the event is not. */
function resumeAfterImpact(draft: Draft, entry: EventEntry): void {
  const { plan, promise } = entry;
  const { restoreAfterMs } = plan.decision;
  if (restoreAfterMs === undefined || promise.resumed || plan.startedAtMs === undefined) return;
  const isFreeze = promise.eventType === 'Freeze';
  // A VM that is to be rebooted or moved has been when its agent was started anew since; nothing tells of any other type.
  const isRestarted = (promise.eventType === 'Reboot' || promise.eventType === 'Redeploy') && plan.isAfterRestart;
  if (!isFreeze && !isRestarted) return;
  const impactMs = promise.durationSeconds < 0 ? UNKNOWN_IMPACT_MS : promise.durationSeconds * 1000;
  const waitMs = restoreAfterMs + (isFreeze ? impactMs : 0);
  if (draft.now.monotonicMs - plan.startedAtMs < waitMs) return;
  noteEvent(draft, entry, { resumed: true });
  writeLog(
    draft,
    'warn',
    'back before the event is gone, as the policy says; a second impact would find it in service',
    {
      eventId: promise.eventId,
      detail: describeDecision(plan.decision),
    },
  );
}

function formatMs(ms: number): string {
  return ms < 120_000 ? `${Math.max(0, Math.round(ms / 1000))} s` : `${Math.round(ms / 60_000)} min`;
}
