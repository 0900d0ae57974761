import { timeOrderedIds, type IdSource, type RandomSource } from '../../common/runtime/random.ts';
import { occurrenceOf, timetableOf, type Execution, type Job } from '../jobs/job.ts';
import { parseTimeSpanOrUndefined } from '../jobs/retry.ts';
import { excludedBy, nextOccurrence, type Timetable } from '../recurrence.ts';
import type { Calendars } from '../recurrence/blackout.ts';
import type { ClaimPlan, JobPlan } from '../store/store.ts';

/** Why an occurrence was not run: stable words, in the history and its filter. */
export type PostponedReason =
  /** It was due while no scheduler ran, and `missed` says not to make up for it. */
  | 'Missed'
  /** Its window was over before it could start. */
  | 'OutsideWindow'
  /** The one before it was not over, and `overlap` says to leave it out. */
  | 'StillRunning'
  /** As many wait already as `overlap: queue` lets wait: one. */
  | 'AlreadyQueued'
  /** A blackout calendar or an excluded date covers it, and did not yet when it was put on the calendar. */
  | 'Excluded'
  /** A later occurrence was due at the same time, and `overlap: cancel` keeps the newest. */
  | 'Superseded';

/** Lateness up to which `missed: skip` still runs an occurrence: the scheduler was restarted, not away. */
const ON_TIME_MS = 60_000;

/** Missed occurrences of one job that are looked at one by one; after so many the calendar goes on from now. */
const MAX_MISSED = 1000;

/** History entries for what one absence left out; the last of them stands for all the rest, and says so. */
const MAX_ENTRIES = 100;

/** Decides, from a job's own choices, what becomes of its occurrences that are due. */
export function createClaimPlan(random: RandomSource, calendars?: Calendars): ClaimPlan {
  const newId = timeOrderedIds(random);
  return {
    asksForUnfinished: (job) => (job.definition.runs?.overlap ?? 'allow') !== 'allow',
    occurrences: (job, at) => planOccurrences(job, { nowMs: at.nowMs, unfinished: at.unfinished, newId, calendars }),
    pending: (job, execution, nowMs) => planPending(job, execution, nowMs),
  };
}

/** Whether an occurrence that was due at `dueMs` may start at `atMs`. */
export function isInWindow(job: Job, dueMs: number, atMs: number): boolean {
  const window = job.definition.runs?.window;
  const windowMs = window === undefined ? undefined : parseTimeSpanOrUndefined(window);
  return windowMs === undefined || atMs - dueMs <= windowMs;
}

interface Situation {
  readonly nowMs: number;
  readonly unfinished: readonly Execution[];
  readonly newId: IdSource;
  readonly calendars: Calendars | undefined;
}

function planOccurrences(job: Job, situation: Situation): JobPlan | undefined {
  const { newId } = situation;
  const isEarly = (job.nextAtMs ?? 0) > situation.nowMs;
  // What overlaps, and what is in its window, is known when the time has come.
  if (isEarly && job.definition.runs !== undefined) return undefined;
  const nowMs = isEarly ? (job.nextAtMs ?? 0) : situation.nowMs;
  const timetable = timetableOf(job.definition, job.anchorMs, situation.calendars);
  const due = dueUntil(job, timetable, nowMs);
  return isPlain(job, timetable, due)
    ? planPlain(job, timetable, { dueMs: job.nextAtMs ?? nowMs, nowMs, newId })
    : planWithChoices(job, situation, { timetable, due, nowMs });
}

/** Almost always: one occurrence is due, and nothing is said of how it is to be run. Thousands a second go this way. */
function isPlain(job: Job, timetable: Timetable, due: readonly number[]): boolean {
  const [dueMs] = due;
  return (
    dueMs !== undefined &&
    due.length === 1 &&
    job.definition.runs === undefined &&
    job.made < (job.definition.recurrence?.count ?? Number.POSITIVE_INFINITY) &&
    excludedBy(timetable, dueMs) === undefined
  );
}

function planPlain(
  job: Job,
  timetable: Timetable,
  { dueMs, nowMs, newId }: { readonly dueMs: number; readonly nowMs: number; readonly newId: IdSource },
): JobPlan {
  const made = job.made + 1;
  return {
    job: { ...job, made, nextAtMs: nextAfter(job, timetable, { afterMs: Math.max(nowMs, dueMs), made }) },
    executions: [occurrenceOf(job, { dueMs, repeat: made, now: nowMs, id: newId(nowMs) })],
    cancelled: NONE,
  };
}

const NONE: readonly string[] = [];

function nextAfter(
  job: Job,
  timetable: Timetable,
  from: { readonly afterMs: number; readonly made: number },
): number | undefined {
  return job.definition.recurrence === undefined ? undefined : nextOccurrence(timetable, from);
}

function planWithChoices(
  job: Job,
  situation: Situation,
  at: { readonly timetable: Timetable; readonly due: readonly number[]; readonly nowMs: number },
): JobPlan {
  const { newId } = situation;
  const { timetable, due, nowMs } = at;
  const free = due.filter((dueMs) => excludedBy(timetable, dueMs) === undefined);
  const chosen = choose(job, free, nowMs);
  const isChosen = new Set(chosen);
  const left = (job.definition.recurrence?.count ?? Number.POSITIVE_INFINITY) - job.made;
  const active = situation.unfinished.filter((execution) => execution.action === 'main' && !execution.byHand);
  const underWay = [...active];
  const executions: Execution[] = [];
  const cancelled: string[] = [];
  const postponed: { readonly dueMs: number; readonly reason: PostponedReason }[] = [];
  let made = job.made;
  for (const dueMs of due) {
    // The count is used up: what would come after was never to be.
    if (made - job.made >= left) break;
    if (excludedBy(timetable, dueMs) !== undefined) {
      postponed.push({ dueMs, reason: 'Excluded' });
      continue;
    }
    if (!isChosen.has(dueMs)) {
      postponed.push({ dueMs, reason: isInWindow(job, dueMs, nowMs) ? 'Missed' : 'OutsideWindow' });
      continue;
    }
    const verdict = overlapVerdict(job, underWay, dueMs === chosen.at(-1));
    if (verdict !== 'run' && verdict !== 'queue') {
      postponed.push({ dueMs, reason: verdict });
      continue;
    }
    made += 1;
    const execution = occurrenceOf(job, { dueMs, repeat: made, now: nowMs, id: newId(nowMs) });
    executions.push(verdict === 'run' ? execution : { ...execution, status: 'queued', startedAtMs: undefined });
    underWay.push(...executions.slice(-1));
    if (job.definition.runs?.overlap === 'cancel') cancelled.push(...active.map(({ id }) => id));
  }
  const afterMs = Math.max(nowMs, due.at(-1) ?? nowMs);
  const nextAtMs = nextAfter(job, timetable, { afterMs, made });
  const isOver = nextAtMs === undefined && executions.length === 0 && active.length === 0;
  return {
    job: { ...job, made, nextAtMs, state: isOver ? 'completed' : job.state },
    executions: executions.concat(entriesOf(job, postponed, situation, due.length === MAX_MISSED)),
    cancelled,
  };
}

/** The due instants of a job up to now, the oldest first: almost always one. */
function dueUntil(job: Job, timetable: Timetable, nowMs: number): readonly number[] {
  const first = job.nextAtMs ?? nowMs;
  const due = [first];
  if (job.definition.recurrence === undefined) return due;
  while (due.length < MAX_MISSED) {
    const nextMs = nextOccurrence(timetable, { afterMs: due.at(-1) ?? first, made: job.made });
    if (nextMs === undefined || nextMs > nowMs) break;
    due.push(nextMs);
  }
  return due;
}

/** Which of the due instants are run, by `missed`; one that is late within its window is still run. */
function choose(job: Job, due: readonly number[], nowMs: number): readonly number[] {
  const inWindow = due.filter((dueMs) => isInWindow(job, dueMs, nowMs));
  const missed = job.definition.runs?.missed ?? 'once';
  switch (missed) {
    case 'all':
      return inWindow;
    case 'once':
      return inWindow.slice(0, 1);
    case 'skip':
      return inWindow.slice(-1).filter((dueMs) => nowMs - dueMs <= ON_TIME_MS);
    default:
      return missed satisfies never;
  }
}

function overlapVerdict(job: Job, active: readonly Execution[], isNewest: boolean): 'run' | 'queue' | PostponedReason {
  const overlap = job.definition.runs?.overlap ?? 'allow';
  switch (overlap) {
    case 'allow':
      return 'run';
    case 'skip':
      return active.length === 0 ? 'run' : 'StillRunning';
    case 'queue':
      if (active.length === 0) return 'run';
      return active.some(({ status }) => status === 'queued') ? 'AlreadyQueued' : 'queue';
    case 'cancel':
      return isNewest ? 'run' : 'Superseded';
    default:
      return overlap satisfies never;
  }
}

/** History entries of what was not run. */
function entriesOf(
  job: Job,
  postponed: readonly { readonly dueMs: number; readonly reason: PostponedReason }[],
  { nowMs, newId }: Situation,
  isCutShort: boolean,
): readonly Execution[] {
  return postponed.slice(0, MAX_ENTRIES).map(({ dueMs, reason }, index) => {
    const rest = index === MAX_ENTRIES - 1 ? postponed.slice(MAX_ENTRIES) : [];
    const last = rest.at(-1);
    const more =
      last === undefined
        ? ''
        : ` So were ${rest.length} more, the last due ${new Date(last.dueMs).toISOString()}${isCutShort ? ', and all after it' : ''}.`;
    const execution = occurrenceOf(job, { dueMs, repeat: job.made, now: nowMs, id: newId(nowMs) });
    return { ...execution, status: 'postponed', reason, endedAtMs: nowMs, message: `${describeReason(reason)}${more}` };
  });
}

function describeReason(reason: PostponedReason): string {
  switch (reason) {
    case 'Missed':
      return 'Missed: it was due while no scheduler ran, and the job says (runs.missed) not to make up for it.';
    case 'OutsideWindow':
      return 'OutsideWindow: the window of the job (runs.window) was over before it could start.';
    case 'StillRunning':
      return 'StillRunning: the occurrence before it was not over, and the job says runs.overlap: skip.';
    case 'AlreadyQueued':
      return 'AlreadyQueued: another occurrence waits already for the one that runs (runs.overlap: queue).';
    case 'Excluded':
      return 'Excluded: a blackout calendar or an excluded date of the job covers its time (forewarn job next says which).';
    case 'Superseded':
      return 'Superseded: a later occurrence was due as well, and the job says runs.overlap: cancel.';
    default:
      return reason satisfies never;
  }
}

function planPending(job: Job, execution: Execution, nowMs: number): ReturnType<ClaimPlan['pending']> {
  if (execution.byHand || execution.action === 'error' || isInWindow(job, execution.dueMs, nowMs)) {
    return { job, execution: { ...execution, status: 'running', startedAtMs: nowMs } };
  }
  const reason = 'OutsideWindow';
  const hasFailed = execution.retry > 0;
  const isOver = job.state === 'enabled' && job.nextAtMs === undefined;
  return {
    job: {
      ...job,
      faultedCount: job.faultedCount + (hasFailed ? 1 : 0),
      state: isOver ? (hasFailed ? 'faulted' : 'completed') : job.state,
    },
    execution: {
      ...execution,
      status: 'postponed',
      reason,
      startedAtMs: nowMs,
      endedAtMs: nowMs,
      message: describeReason(reason),
    },
  };
}
