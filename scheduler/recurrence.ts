import { DateTime } from 'luxon';

/**
 * When a job is due. Pure arithmetic: the next occurrence costs the same whether the job began a minute or a century ago.
 *
 * Every occurrence lies on a fixed grid counted from the anchor (the start time, or the job's creation where it has none), so
 * that a late or long run moves nothing after it. The documentation also says "calculating from last execution time"; most
 * recorded histories of the real service show the grid, and it is the better behaviour.
 *
 * A month is a calendar month in UTC: a job anchored on the 31st runs on the last day of a shorter month, and on the 31st
 * again afterwards. It is "once a month"; leaving a month out silently would be the worse surprise.
 */
export interface Timetable {
  /** First point of the grid, epoch milliseconds. */
  readonly anchorMs: number;
  /** Absent: once, at the anchor. */
  readonly recurrence: Recurrence | undefined;
}

export interface Recurrence {
  readonly frequency: Frequency;
  /** Every how many units; at least 1. */
  readonly interval: number;
  /** How many occurrences there are in all; those that lay in the past when the job was created do not use any up. */
  readonly count: number | undefined;
  /** No occurrence after this moment; one exactly at it still runs. With `count`, whichever is reached first ends the job. */
  readonly endMs: number | undefined;
}

export const FREQUENCIES = ['minute', 'hour', 'day', 'week', 'month'] as const;
export type Frequency = (typeof FREQUENCIES)[number];

/** Units whose length never changes in UTC. */
const UNIT_MS: Readonly<Record<Exclude<Frequency, 'month'>, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};

/**
 * The first occurrence strictly after `afterMs`, or undefined when there is none any more. `made` is how many occurrences
 * the job has had. A job without recurrence has one, at its anchor, whatever `afterMs` says: it is not lost by being late.
 */
export function nextOccurrence(
  timetable: Timetable,
  from: { readonly afterMs: number; readonly made: number },
): number | undefined {
  const { anchorMs, recurrence } = timetable;
  if (recurrence === undefined) return from.made === 0 ? anchorMs : undefined;
  if (recurrence.count !== undefined && from.made >= recurrence.count) return undefined;
  const nextMs =
    from.afterMs < anchorMs
      ? anchorMs
      : recurrence.frequency === 'month'
        ? nextMonth(anchorMs, recurrence.interval, from.afterMs)
        : nextStep(anchorMs, recurrence.interval * UNIT_MS[recurrence.frequency], from.afterMs);
  return recurrence.endMs !== undefined && nextMs > recurrence.endMs ? undefined : nextMs;
}

/** `afterMs` is not before `anchorMs`. */
function nextStep(anchorMs: number, stepMs: number, afterMs: number): number {
  return anchorMs + (Math.floor((afterMs - anchorMs) / stepMs) + 1) * stepMs;
}

/**
 * The grid point whose month is `afterMs`'s month or the nearest one before it is the only one that can lie on either side
 * of `afterMs`; the point after it is in a later month, and so later.
 */
function nextMonth(anchorMs: number, interval: number, afterMs: number): number {
  const anchor = DateTime.fromMillis(anchorMs, { zone: 'utc' });
  const after = DateTime.fromMillis(afterMs, { zone: 'utc' });
  const months = (after.year - anchor.year) * 12 + (after.month - anchor.month);
  const step = Math.floor(months / interval);
  const candidateMs = anchor.plus({ months: step * interval }).toMillis();
  return candidateMs > afterMs ? candidateMs : anchor.plus({ months: (step + 1) * interval }).toMillis();
}
