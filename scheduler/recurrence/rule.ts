/** When a job is due again and again, in the words of Azure Scheduler and of what goes beyond it. */
export interface Recurrence {
  readonly frequency: Frequency;
  /** Every how many units; at least 1. */
  readonly interval: number;
  /** How many occurrences there are in all; those that lay in the past when the job was created do not use any up. */
  readonly count: number | undefined;
  /** No occurrence after this moment; one exactly at it still runs. With `count`, whichever is reached first ends the job. */
  readonly endMs: number | undefined;
  readonly schedule?: Schedule | undefined;
  /** IANA name of the zone whose clock the rule is written in. Absent: UTC, as in Azure Scheduler. */
  readonly timeZone?: string | undefined;
  readonly clockChanges?: ClockChanges | undefined;
  /** `2026-12-25` (that day in the rule's zone) or a date-time (that one occurrence). What is left out uses up no `count`. */
  readonly excludedDates?: readonly string[] | undefined;
}

/** `year` is not in the published interface of Azure Scheduler, but in its prose ("recurrence"). */
export const FREQUENCIES = ['minute', 'hour', 'day', 'week', 'month', 'year'] as const;
export type Frequency = (typeof FREQUENCIES)[number];

/** Monday first, as ISO 8601 counts: it decides which days are in one week when the interval is more than one. */
export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** What narrows or widens a frequency (Azure Scheduler, "Deep Dive: schedule"). An empty list is as if it were absent. */
export interface Schedule {
  /** 0 to 59. */
  readonly minutes?: readonly number[] | undefined;
  /** 0 to 23. */
  readonly hours?: readonly number[] | undefined;
  /** With the frequency week only. */
  readonly weekDays?: readonly Weekday[] | undefined;
  /** 1 to 31, or -1 (the last) to -31; with month and year. A day that a month has not is left out. */
  readonly monthDays?: readonly number[] | undefined;
  /** 1 to 5, or -1 (the last) to -5; absent: every such weekday. With month and year; with `monthDays`, both must hold. */
  readonly monthlyOccurrences?: readonly MonthlyOccurrence[] | undefined;
  /** 1 to 12; with day, week, month and year. */
  readonly months?: readonly number[] | undefined;
}

export interface MonthlyOccurrence {
  readonly day: Weekday;
  readonly occurrence?: number | undefined;
}

/**
 * What becomes of an occurrence whose time of day does not exist (the clock is put forward over it) or exists twice (the clock
 * is put back). `shift` runs it as late after midnight as otherwise (02:30 becomes 03:30), `edge` at the change itself, `skip`
 * not at all. Occurrences that fall on the same moment by this are one.
 */
export interface ClockChanges {
  readonly gap: GapPolicy;
  readonly overlap: OverlapPolicy;
}

export const GAP_POLICIES = ['skip', 'shift', 'edge'] as const;
export type GapPolicy = (typeof GAP_POLICIES)[number];
export const OVERLAP_POLICIES = ['first', 'last', 'both'] as const;
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

/** Once a day stays once a day: what iCalendar (RFC 5545, 3.3.5) says as well. */
export const USUAL_CLOCK_CHANGES: ClockChanges = { gap: 'shift', overlap: 'first' };
