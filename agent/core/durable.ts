import { canonicalEventId, canonicalName } from '../../common/agreement/names.ts';
import { COMING_BACK } from './coming-back.ts';
import { freshProgress } from './event-life.ts';
import { newPreparation } from './draft.ts';
import { newPlan } from './plan.ts';
import { isServing } from './serving.ts';
import { maintenanceKey } from './maintenance.ts';
import type { AgentState, CoreSettings, DurableState, Instant } from './state.ts';

/** The part of the state that the journal keeps. */
export function durableOf(state: AgentState): DurableState {
  return {
    ...(state.boot.hasJournal ? {} : { isPartial: true }),
    number: state.number,
    incarnation: state.incarnation,
    events: Object.values(state.events).map((entry) => ({ ...entry.promise })),
    maintenance: Object.values(state.maintenance).map((entry) => ({
      workId: entry.workId,
      attempt: entry.attempt,
      reason: entry.reason,
      untilWallMs: entry.untilWallMs,
      lengthMs: entry.lengthMs,
      isReleased: entry.isReleased,
      hooks: entry.hooks,
    })),
  };
}

/**
 * The state after boot: out of rotation, nothing reconciled, and every promise of the journal in force. `durable` is what
 * the journal holds, undefined when there is none; it counts as persisted.
 *
 * `isContinued`: only the agent was restarted, and the VM is in rotation; what it has promised keeps it out all the same.
 */
export function initialState(
  settings: CoreSettings,
  durable: DurableState | undefined,
  now: Instant,
  isContinued = false,
): AgentState {
  const state: AgentState = {
    settings,
    ownName: canonicalName(settings.identity.name),
    revision: 0,
    persistedRevision: 0,
    persistRetryAtMs: Number.POSITIVE_INFINITY,
    number: durable?.number ?? 0,
    incarnation: durable?.incarnation,
    lowIncarnationSinceMs: undefined,
    document: undefined,
    lastPoll: undefined,
    boot: {
      atMs: now.monotonicMs,
      isContinued,
      hasJournal: durable !== undefined && durable.isPartial !== true,
      absence: undefined,
      hasPolled: false,
      hasReconciled: !settings.hasCoordinator,
      quietSinceMs: undefined,
      isOpenedBlindly: false,
    },
    coordinator: { isConnected: false, isReady: false, reconcile: undefined, outstanding: [] },
    rotation: {
      state: isContinued ? 'in' : 'turning-away',
      // Its balancers know that it is in.
      inSinceMs: isContinued ? now.monotonicMs - settings.detectionMs : now.monotonicMs,
      outSinceMs: now.monotonicMs,
      startAtMs: undefined,
      isStarting: false,
      isRestoring: false,
      readToken: undefined,
      readAtMs: 0,
      readTookMs: undefined,
      retryAtMs: 0,
      trouble: '',
    },
    events: {},
    maintenance: {},
    pendingRestores: [],
    nextId: 1,
  };
  const draft = { state, actions: [], now };
  for (const promise of durable?.events ?? []) {
    const progress = freshProgress(draft);
    const plan = newPlan(state, promise, promise.started || promise.approved || promise.posted);
    state.events[canonicalEventId(promise.eventId)] = {
      ...progress,
      promise: { ...promise },
      // What it promised holds before anything else is known.
      plan: promise.promise === 'prepared' ? { ...plan, stance: 'out', outSinceMs: now.monotonicMs } : plan,
      isPresent: false,
      status: 'Unknown',
      // A promise that was given was proven; the way there is gone through again only where it was not.
      preparation: promise.promise === 'prepared' ? { ...progress.preparation, step: 'proven' } : progress.preparation,
      preparedAtMs: now.monotonicMs,
      releasedAtMs: now.monotonicMs,
    };
  }
  for (const entry of durable?.maintenance ?? []) {
    state.maintenance[maintenanceKey(entry.workId)] = {
      ...entry,
      untilMs: now.monotonicMs + Math.min(entry.untilWallMs - now.wallMs, entry.lengthMs),
      preparation: newPreparation(draft),
      hasReplied: false,
      runningHooks: [],
      restoreAttempts: 0,
    };
  }
  return state;
}

/** Why the VM is out of rotation, for people; empty when it is in. */
export function reasonsOut(state: AgentState): readonly string[] {
  const reasons: string[] = [];
  if (!state.boot.isOpenedBlindly) {
    if (!state.boot.hasPolled) reasons.push('has not read the events since boot');
    if (!state.boot.hasReconciled) reasons.push('has not learnt from the coordinator what it promised before boot');
  }
  for (const entry of Object.values(state.events)) {
    if (!isServing(entry))
      reasons.push(`${entry.promise.eventType} ${entry.promise.eventId}: ${entry.promise.promise}`);
  }
  for (const entry of Object.values(state.maintenance)) {
    if (!entry.isReleased) reasons.push(`maintenance ${entry.workId}: ${entry.reason}`);
  }
  if (reasons.length === 0 && state.rotation.state !== 'in') reasons.push(COMING_BACK);
  return reasons;
}
