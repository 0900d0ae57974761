import { excludedDates, type Exclusion } from './blackout.ts';
import { END_OF_DAYS, DAY_MS } from './civil.ts';
import { instantsOf, type Instants } from './instants.ts';
import type { Recurrence } from './rule.ts';

/** When a job is due. */
export interface Timetable {
  /** Start of the rule, epoch milliseconds: its start time, or when it was written where it has none. */
  readonly anchorMs: number;
  /** Absent: once, at the anchor. */
  readonly recurrence: Recurrence | undefined;
  /** Blackout calendars that the job heeds. */
  readonly blackouts?: readonly Exclusion[] | undefined;
}

/** A timetable made ready to answer. */
export interface Compiled {
  readonly instants: Instants;
  readonly exclusions: readonly Exclusion[];
  /** The last moment at which an occurrence may lie. */
  readonly endMs: number;
}

/** Whoever asks one timetable several times in a row pays for its tables once. (A map of all of them costs more than it saves.) */
let last: { readonly timetable: Timetable; readonly compiled: Compiled } | undefined;

export function compile(timetable: Timetable, recurrence: Recurrence): Compiled {
  if (last !== undefined && last.timetable === timetable) return last.compiled;
  const instants = instantsOf(recurrence, timetable.anchorMs);
  const dates = excludedDates(recurrence.excludedDates ?? [], instants.zone);
  const compiled: Compiled = {
    instants,
    exclusions: [...(dates === undefined ? [] : [dates]), ...(timetable.blackouts ?? [])],
    endMs: Math.min(recurrence.endMs ?? Infinity, END_OF_DAYS * DAY_MS - 1),
  };
  last = { timetable, compiled };
  return compiled;
}

/** Occurrences passed over in a row because they are excluded; a rule with more is one that is always excluded. */
const MAX_EXCLUDED = 10_000;

/** The first occurrence from `fromMs` on that is not excluded. A blackout is left in one step, however long it is. */
export function firstAllowed({ instants, exclusions, endMs }: Compiled, fromMs: number): number | undefined {
  let from = fromMs;
  for (let tries = 0; tries < MAX_EXCLUDED; tries++) {
    const atMs = instants.ceil(from);
    if (atMs === undefined || atMs > endMs) return undefined;
    const excluded = exclusionAt(exclusions, atMs);
    if (excluded === undefined) return atMs;
    from = Math.max(atMs + 1, excluded.untilMs);
  }
  return undefined;
}

/** What excludes a moment, and until when; of several, the one that lasts longest. */
export function exclusionAt(
  exclusions: readonly Exclusion[],
  atMs: number,
): { readonly name: string; readonly untilMs: number } | undefined {
  let longest: { readonly name: string; readonly untilMs: number } | undefined;
  for (const { name, endIfCovering } of exclusions) {
    const untilMs = endIfCovering(atMs);
    if (untilMs !== undefined && (longest === undefined || untilMs > longest.untilMs)) longest = { name, untilMs };
  }
  return longest;
}
