import { END_OF_COUNTING_MS } from './recurrence/instants.ts';
import { compile, exclusionAt, firstAllowed, type Timetable } from './recurrence/timetable.ts';
import { UTC } from './recurrence/zone.ts';

export type { Timetable } from './recurrence/timetable.ts';
export { FREQUENCIES, type Frequency, type Recurrence } from './recurrence/rule.ts';

/**
 * When a job is due. Pure arithmetic: the next occurrence costs the same whether the job began a minute or a century ago, and
 * whether it is due every minute or on every 29 February that is a Friday. `recurrence/` holds the parts.
 *
 * Every occurrence lies on a fixed grid counted from the anchor (the start time, or the job's creation where it has none), so
 * that a late or long run moves nothing after it. The documentation also says "calculating from last execution time"; most
 * recorded histories of the real service show the grid, and it is the better behaviour.
 *
 * A month is a calendar month: a job anchored on the 31st runs on the last day of a shorter month, and on the 31st again
 * afterwards. It is "once a month"; leaving a month out silently would be the worse surprise. A 31st that a schedule names is
 * another matter: the documentation says that it is left out where there is none.
 */

/** How far a job has come. */
export interface Progress {
  readonly afterMs: number;
  /** How many occurrences it has had. */
  readonly made: number;
}

/**
 * The first occurrence strictly after `afterMs`, or undefined when there is none any more. A job without recurrence has one,
 * at its anchor, whatever `afterMs` says: it is not lost by being late.
 */
export function nextOccurrence(timetable: Timetable, from: Progress): number | undefined {
  const { anchorMs, recurrence } = timetable;
  if (recurrence === undefined) return from.made === 0 ? anchorMs : undefined;
  if (recurrence.count !== undefined && from.made >= recurrence.count) return undefined;
  return firstAllowed(compile(timetable, recurrence), Math.floor(from.afterMs) + 1);
}

/** The occurrences from `fromMs` until before `toMs`, at most `limit` of them, as if none had been made yet. */
export function occurrencesBetween(
  timetable: Timetable,
  { fromMs, toMs, limit }: { readonly fromMs: number; readonly toMs: number; readonly limit: number },
): readonly number[] {
  const found: number[] = [];
  const most = Math.min(limit, timetable.recurrence?.count ?? Infinity);
  let next = nextOccurrence(timetable, { afterMs: fromMs - 1, made: 0 });
  while (next !== undefined && next < toMs && found.length < most) {
    if (next >= fromMs) found.push(next);
    next = timetable.recurrence === undefined ? undefined : nextOccurrence(timetable, { afterMs: next, made: 0 });
  }
  return found;
}

/** How many occurrences lie from `fromMs` until before `toMs`, by arithmetic; what is excluded is counted too, `count` is not heeded. */
export function countBetween(timetable: Timetable, fromMs: number, toMs: number): number {
  const { anchorMs, recurrence } = timetable;
  if (recurrence === undefined) return anchorMs >= fromMs && anchorMs < toMs ? 1 : 0;
  const { instants, endMs } = compile(timetable, recurrence);
  return instants.countBetween(fromMs, Math.min(toMs, endMs + 1));
}

/**
 * The last occurrence that there will be, if the rule ends at all and that can be told by arithmetic: not when exclusions may
 * put it off, nor later than the year 2200 in a zone whose clocks change.
 */
export function lastOccurrence(timetable: Timetable, from: Progress): number | undefined {
  const { anchorMs, recurrence } = timetable;
  if (recurrence === undefined) return from.made === 0 ? anchorMs : undefined;
  const { instants, exclusions, endMs } = compile(timetable, recurrence);
  if (exclusions.length > 0 || (recurrence.count === undefined && recurrence.endMs === undefined)) return undefined;
  const fromMs = Math.floor(from.afterMs) + 1;
  // In a zone whose clocks change an end after that is none that can be counted to.
  const isFar = instants.zone !== UTC && endMs >= END_OF_COUNTING_MS;
  if (isFar && recurrence.count === undefined) return undefined;
  const toEnd = recurrence.endMs === undefined || isFar ? Infinity : instants.countBetween(fromMs, endMs + 1);
  const left = Math.min(recurrence.count === undefined ? Infinity : recurrence.count - from.made, toEnd);
  return left <= 0 ? undefined : instants.at(fromMs, left - 1);
}

/** What excludes a moment: the reason that a history gives. Undefined when nothing does. */
export function excludedBy(timetable: Timetable, atMs: number): string | undefined {
  if (timetable.recurrence === undefined) return undefined;
  return exclusionAt(compile(timetable, timetable.recurrence).exclusions, atMs)?.name;
}

/**
 * The shortest time between two occurrences, as the clock on the wall measures it: what a quota on the frequency is about.
 * `{minutes: [0, 1]}` once an hour is a job that runs twice within a minute. Infinity when there are not two.
 */
export function smallestGapMs(timetable: Timetable): number {
  const { recurrence } = timetable;
  if (recurrence === undefined || recurrence.count === 1) return Infinity;
  return compile(timetable, recurrence).instants.smallestGapMs();
}
