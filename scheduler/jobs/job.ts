import { hash } from 'node:crypto';
import { z } from 'zod';
import { excludedBy, FREQUENCIES, nextOccurrence, type Timetable } from '../recurrence.ts';
import type { Calendars } from '../recurrence/blackout.ts';
import { parseInstantOrUndefined } from './instant.ts';
import type { JobDefinition, JobState } from './definition.ts';
import { calendarKey, timetableFrom } from './recurrence-definition.ts';

/** Names a job collection. Compared without case; shown as first written. */
export interface CollectionRef {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly collection: string;
}

export interface JobRef extends CollectionRef {
  readonly job: string;
}

export const SKUS = ['Free', 'Standard', 'P10Premium', 'P20Premium'] as const;
export type Sku = (typeof SKUS)[number];

/** Jobs run only in an enabled collection. */
export const COLLECTION_STATES = ['Enabled', 'Disabled', 'Suspended'] as const;
export type CollectionState = (typeof COLLECTION_STATES)[number];

/** Limits that a collection's owner set below those of its plan. */
export const quotaSchema = z.strictObject({
  maxJobCount: z.int().positive().optional(),
  /** Without effect, as in the real service; kept because clients send it and compare what comes back. */
  maxJobOccurrence: z.int().positive().optional(),
  maxRecurrence: z.strictObject({ frequency: z.enum(FREQUENCIES), interval: z.int().positive() }).optional(),
});
export type Quota = z.output<typeof quotaSchema>;

/** A job collection as stored. */
export interface JobCollection extends CollectionRef {
  readonly location: string;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly sku: Sku;
  readonly quota: Quota | undefined;
  readonly state: CollectionState;
  readonly createdAtMs: number;
}

/** A job and how far it has come. */
export interface Job extends JobRef {
  /** Never reused, also when a job of the same name is created again. */
  readonly id: string;
  readonly definition: JobDefinition;
  readonly state: JobState;
  /** First point of its grid (see `recurrence.ts`). */
  readonly anchorMs: number;
  /** When it is due; undefined when never again, or while it is disabled. */
  readonly nextAtMs: number | undefined;
  /** How many occurrences it has had, retries not counted. */
  readonly made: number;
  readonly executionCount: number;
  readonly failureCount: number;
  /** Occurrences that failed as often as their retry policy allows. */
  readonly faultedCount: number;
  readonly lastExecutionAtMs: number | undefined;
}

/** One attempt to perform the action of one occurrence. Retries are executions of their own, with the same key. */
export interface Execution {
  readonly id: string;
  readonly jobId: string;
  /** When the occurrence was due. */
  readonly dueMs: number;
  /** Number of the occurrence, from 1. */
  readonly repeat: number;
  /** 0 for the first try, then the number of the retry. */
  readonly retry: number;
  /** Raised whenever it is taken over from a scheduler that died; reports of a lower one are void. */
  readonly attempt: number;
  /**
   * pending: to be started at `runAtMs` · queued: when the execution before it is over · running: claimed · completed,
   * failed: over · postponed: over without having been started, `reason` says why
   */
  readonly status: 'pending' | 'queued' | 'running' | 'completed' | 'failed' | 'postponed';
  /** The job's own action, or the one for when that has failed for good. */
  readonly action: 'main' | 'error';
  /** A stable word for why an occurrence was not run, or was cut short. */
  readonly reason: string | undefined;
  readonly runAtMs: number;
  readonly startedAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
  readonly message: string;
  /** The same for every try of one occurrence: sent to the target, so that it can tell a repetition. 32 hex digits. */
  readonly key: string;
  /** Made by hand (`run`), beside the job's own calendar. */
  readonly byHand: boolean;
}

/** Names in the one form that is compared and indexed. */
export function collectionKey(ref: CollectionRef): string {
  return [ref.subscription, ref.resourceGroup, ref.collection].map((part) => part.toLowerCase()).join('/');
}

/** The calendar of a job. `calendars`: the blackout calendars of the settings. */
export function timetableOf(definition: JobDefinition, anchorMs: number, calendars?: Calendars): Timetable {
  return timetableFrom(definition.recurrence, anchorMs, calendars);
}

/**
 * Where the rule of a definition begins and when it is first due, for a job written at `now`: the table of the documentation
 * ("Deep Dive: startTime"). Without a start time that is at once, also under a schedule that does not name this moment; with a
 * past one and no recurrence as well (the real service waits 20 s; nothing is gained by that). Otherwise it is the first
 * occurrence that is neither past nor before the start. A moment that is excluded is never the first.
 */
export function firstDue(
  definition: JobDefinition,
  now: number,
  calendars?: Calendars,
): { readonly anchorMs: number; readonly nextAtMs: number | undefined } {
  const start = definition.startTime === undefined ? undefined : parseInstantOrUndefined(definition.startTime);
  const isRecurring = definition.recurrence !== undefined;
  const anchorMs = start === undefined || (!isRecurring && start.ms < now) ? now : start.ms;
  const timetable = timetableOf(definition, anchorMs, calendars);
  if (start === undefined && excludedBy(timetable, now) === undefined) return { anchorMs, nextAtMs: now };
  return { anchorMs, nextAtMs: nextOccurrence(timetable, { afterMs: now - 1, made: 0 }) };
}

/** The execution of one occurrence, begun at `now`. Its key depends on the job and the due time alone. */
export function occurrenceOf(
  job: Job,
  at: { readonly dueMs: number; readonly repeat: number; readonly now: number; readonly id: string },
): Execution {
  const { id, dueMs, repeat, now } = at;
  return newExecution({ id, dueMs, repeat, now, jobId: job.id, key: occurrenceKey(job.id, `${dueMs}`) });
}

/** An execution that its owner asked for, at once and beside the calendar. */
export function executionByHand(job: Job, now: number, id: string): Execution {
  const execution = newExecution({
    id,
    jobId: job.id,
    dueMs: now,
    repeat: job.made,
    now,
    key: occurrenceKey(job.id, id),
  });
  return { ...execution, status: 'pending', byHand: true };
}

function newExecution(from: {
  readonly id: string;
  readonly jobId: string;
  readonly dueMs: number;
  readonly repeat: number;
  readonly now: number;
  readonly key: string;
}): Execution {
  return {
    id: from.id,
    jobId: from.jobId,
    dueMs: from.dueMs,
    repeat: from.repeat,
    key: from.key,
    retry: 0,
    attempt: 1,
    status: 'running',
    action: 'main',
    reason: undefined,
    runAtMs: from.now,
    startedAtMs: from.now,
    endedAtMs: undefined,
    message: '',
    byHand: false,
  };
}

function occurrenceKey(jobId: string, which: string): string {
  return hash('sha256', `${jobId}:${which}`).slice(0, 32);
}

/** What the ends of executions mean for their job: added to it where it is stored, so that nobody need read it first. */
export interface Settlement {
  readonly executions: number;
  readonly failures: number;
  readonly faults: number;
  readonly lastExecutionAtMs: number;
  /** What becomes of a job that is over with this: enabled, never due again, nothing else under way. Undefined: not with this. */
  readonly finalState: 'completed' | 'faulted' | undefined;
}

/**
 * Of one execution. `isFaulted`: it failed and will not be tried again. A job that will never be due again is over: faulted if
 * its last occurrence was, otherwise completed; both are final.
 */
export function settlementOf(ended: {
  readonly hasFailed: boolean;
  readonly isFaulted: boolean;
  readonly atMs: number;
  readonly byHand: boolean;
}): Settlement {
  const isOver = (!ended.hasFailed || ended.isFaulted) && !ended.byHand;
  return {
    executions: 1,
    failures: ended.hasFailed ? 1 : 0,
    faults: ended.isFaulted ? 1 : 0,
    lastExecutionAtMs: ended.atMs,
    finalState: isOver ? (ended.isFaulted ? 'faulted' : 'completed') : undefined,
  };
}

/** Both, one after the other: the last that is final decides. */
export function addSettlements(first: Settlement | undefined, second: Settlement): Settlement {
  if (first === undefined) return second;
  return {
    executions: first.executions + second.executions,
    failures: first.failures + second.failures,
    faults: first.faults + second.faults,
    lastExecutionAtMs: second.lastExecutionAtMs,
    finalState: second.finalState ?? first.finalState,
  };
}

/** What a request wants of a job; `definition` is checked already. */
export interface JobWrite {
  readonly ref: JobRef;
  readonly definition: JobDefinition;
  /** Undefined: as it is, or enabled if it is new. */
  readonly state: 'enabled' | 'disabled' | undefined;
  /** The blackout calendars of the settings. */
  readonly calendars?: Calendars | undefined;
}

/**
 * The job after a PUT or PATCH. Its calendar starts anew only if start time or recurrence changed: writing a job again as it
 * is, as deployment tools do, neither runs it nor moves its next run. Enabling goes on with the same grid after `now`; what
 * was due while it was disabled is left out. `id` is for a new job.
 */
export function writeJob(current: Job | undefined, wanted: JobWrite, now: number, id: string): Job {
  const { definition, calendars } = wanted;
  const state = wanted.state ?? (current?.state === 'disabled' ? 'disabled' : 'enabled');
  if (current === undefined || !hasSameCalendar(current.definition, definition)) {
    const first = firstDue(definition, now, calendars);
    return {
      ...(current ?? { executionCount: 0, failureCount: 0, faultedCount: 0, lastExecutionAtMs: undefined }),
      id: current?.id ?? id,
      ...wanted.ref,
      definition,
      state,
      anchorMs: first.anchorMs,
      nextAtMs: state === 'enabled' ? first.nextAtMs : undefined,
      made: 0,
    };
  }
  if (state === 'disabled') return { ...current, definition, state, nextAtMs: undefined };
  const nextAtMs =
    current.state === 'enabled'
      ? current.nextAtMs
      : nextOccurrence(timetableOf(definition, current.anchorMs, calendars), { afterMs: now - 1, made: current.made });
  return { ...current, definition, state, nextAtMs };
}

function hasSameCalendar(a: JobDefinition, b: JobDefinition): boolean {
  return a.startTime === b.startTime && calendarKey(a.recurrence) === calendarKey(b.recurrence);
}
