import { canonicalNames } from '../../common/agreement/names.ts';
import type { Action, ActivityKind, HookSubject } from './action.ts';
import type { HookPhase } from './hook-phase.ts';
import { isServing } from './serving.ts';
import type {
  AgentState,
  BootState,
  CoordinatorState,
  EventEntry,
  EventPromise,
  Instant,
  MaintenanceEntry,
  Preparation,
} from './state.ts';

/** The new state while it is being made, and the actions collected so far. Only `decide` opens one. */
export interface Draft {
  readonly state: AgentState;
  readonly actions: Action[];
  readonly now: Instant;
}

/**
 * A draft over a copy of `state`: everything that the rules change in place is copied, everything they replace as a whole
 * (documents, records, lists) is shared.
 */
export function openDraft(state: AgentState, now: Instant): Draft {
  return {
    state: {
      ...state,
      rotation: { ...state.rotation },
      events: copyEach(state.events, (entry) => ({
        ...entry,
        promise: { ...entry.promise },
        preparation: { ...entry.preparation },
        plan: { ...entry.plan },
      })),
      maintenance: copyEach(state.maintenance, (entry) => ({ ...entry, preparation: { ...entry.preparation } })),
    },
    actions: [],
    now,
  };
}

function copyEach<Value>(record: Record<string, Value>, copy: (value: Value) => Value): Record<string, Value> {
  const result: Record<string, Value> = {};
  for (const key in record) {
    const value = record[key];
    if (value !== undefined) result[key] = copy(value);
  }
  return result;
}

export function changeBoot(draft: Draft, change: Partial<BootState>): void {
  draft.state.boot = { ...draft.state.boot, ...change };
}

export function changeCoordinator(draft: Draft, change: Partial<CoordinatorState>): void {
  draft.state.coordinator = { ...draft.state.coordinator, ...change };
}

/** A change that others may rest on: it gets a number of its own and has no effect until it is on disk. */
export function changePromise(draft: Draft, entry: EventEntry, change: Partial<EventPromise>): void {
  Object.assign(entry.promise, change);
  if (entry.promise.promise !== 'none') entry.promise.number = ++draft.state.number;
  entry.revision = ++draft.state.revision;
  entry.reportRetryAtMs = draft.now.monotonicMs;
}

/** A change worth keeping that nothing waits for. */
export function noteEvent(draft: Draft, entry: EventEntry, change: Partial<EventPromise>): void {
  Object.assign(entry.promise, change);
  draft.state.revision++;
}

/** The promise is on disk as it stands. */
export function isDurable(draft: Draft, entry: EventEntry): boolean {
  return draft.state.persistedRevision >= entry.revision;
}

export function takeId(draft: Draft): number {
  return draft.state.nextId++;
}

export function ownName(state: AgentState): string {
  return state.ownName;
}

/** This VM alone is named: nobody else has to agree (rule 8). */
export function namesOnly(state: AgentState, resources: readonly string[]): boolean {
  const names = canonicalNames(resources);
  return names.length === 1 && names[0] === ownName(state);
}

/** This VM lets the event come early: it has promised to be out, or it may be hit in service. */
export function hasAgreed(promise: EventPromise): boolean {
  return promise.promise === 'prepared' || promise.promise === 'consented';
}

export function isLive(entry: EventEntry): boolean {
  return entry.promise.promise !== 'released';
}

/** Reasons to be out of rotation, maintenance included. While there is one, the VM stays out. */
export function isHeld(state: AgentState): boolean {
  // Asked with every decision: nothing is made to answer it.
  for (const key in state.events) {
    const entry = state.events[key];
    if (entry !== undefined && !isServing(entry)) return true;
  }
  for (const key in state.maintenance) if (state.maintenance[key]?.isReleased === false) return true;
  return false;
}

export function newPreparation(draft: Draft): Preparation {
  return {
    step: 'turn-away',
    startedAtMs: draft.now.monotonicMs,
    attempt: 1,
    retryAtMs: 0,
    clearReads: 0,
    sinceToken: draft.state.nextId,
    detail: '',
  };
}

export function recordActivity(
  draft: Draft,
  activity: ActivityKind,
  eventId: string | undefined,
  detail: string,
): void {
  draft.actions.push({ kind: 'activity', activity, eventId, detail });
}

export function writeLog(
  draft: Draft,
  level: 'info' | 'warn' | 'error',
  message: string,
  about: { readonly eventId?: string; readonly detail: string },
): void {
  draft.actions.push({ kind: 'log', level, message, eventId: about.eventId, detail: about.detail });
}

/** Asks for the executables of a phase, unless they have run for this entry or are running. */
export function runHook(draft: Draft, key: string, entry: EventEntry | MaintenanceEntry, phase: HookPhase): void {
  const done = 'promise' in entry ? entry.promise.hooks : entry.hooks;
  if (entry.runningHooks.includes(phase) || done.includes(phase)) return;
  entry.runningHooks = [...entry.runningHooks, phase];
  draft.actions.push({ kind: 'hook', key, phase, subject: hookSubject(entry) });
}

function hookSubject(entry: EventEntry | MaintenanceEntry): HookSubject {
  if ('promise' in entry) {
    const { promise } = entry;
    return {
      eventId: promise.eventId,
      eventType: promise.eventType,
      status: entry.status,
      resources: promise.resources,
      notBeforeMs: promise.notBeforeMs ?? null,
      description: promise.description,
      source: promise.source,
      durationSeconds: promise.durationSeconds,
      ...(entry.plan.shares?.isTight === true ? { withinMs: entry.plan.shares.hooksMs } : {}),
    };
  }
  return {
    eventId: entry.workId,
    eventType: 'Maintenance',
    status: entry.isReleased ? 'Started' : 'Scheduled',
    resources: [],
    notBeforeMs: null,
    description: entry.reason,
    source: 'User',
    durationSeconds: -1,
  };
}
