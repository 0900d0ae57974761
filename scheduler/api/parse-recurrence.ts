import { z } from 'zod';
import { formatInstant, parseInstantOrUndefined, type Instant } from '../jobs/instant.ts';
import type { RecurrenceDefinition } from '../jobs/recurrence-definition.ts';
import { FREQUENCIES, type Frequency } from '../recurrence.ts';
import { GAP_POLICIES, OVERLAP_POLICIES, USUAL_CLOCK_CHANGES, WEEKDAYS } from '../recurrence/rule.ts';
import { zoneOrUndefined } from '../recurrence/zone.ts';
import { anyCase } from './any-case.ts';
import { badRequest } from './api-error.ts';

/**
 * Longest intervals: the documentation's table for minutes and hours, its text for the others (18 months in all). Years are
 * ours; a century is room enough.
 */
const MAX_INTERVAL: Readonly<Record<Frequency, number>> = {
  minute: 1000,
  hour: 1000,
  day: 548,
  week: 78,
  month: 18,
  year: 100,
};
/** The real service's clients hold it in 32 bits. */
const MAX_COUNT = 2 ** 31 - 1;
/** More dates than this belong in a blackout calendar; a job may be 16 KB in all. */
const MAX_EXCLUDED_DATES = 400;
const MAX_BLACKOUTS = 20;

const instant = z.string().transform((text, context): Instant => {
  const parsed = parseInstantOrUndefined(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `expected an ISO 8601 date and time, got '${text}'.` });
  return z.NEVER;
});

/** One value or a list of them ("Integer, or Array of integers"). */
const listOf = <Item extends z.ZodType>(item: Item, most: number) =>
  z.preprocess(
    (value) => (value === null || value === undefined || Array.isArray(value) ? value : [value]),
    z.array(item).max(most).nullish(),
  );

/** A whole number from `least` to `most`, and what the message calls it. */
const from = (least: number, most: number) => {
  const rule = { error: `expected a whole number from ${least} to ${most}` };
  return z.int(rule).min(least, rule).max(most, rule);
};
const fromEnd = (most: number) => {
  const rule = { error: `expected a whole number from 1 to ${most}, or from -1 to -${most} counted from the end` };
  return z
    .int(rule)
    .min(-most, rule)
    .max(most, rule)
    .refine((value) => value !== 0, { error: `${rule.error}, got 0.` });
};

const weekday = anyCase(WEEKDAYS);

/** The published interface writes `Occurrence`, its service answered `occurrence`. */
const monthlyOccurrence = z.preprocess(
  (value) => {
    if (typeof value !== 'object' || value === null || !('Occurrence' in value)) return value;
    const { Occurrence: occurrence, ...rest } = value;
    return { occurrence, ...rest };
  },
  z.strictObject({ day: weekday, occurrence: fromEnd(5).nullish() }),
);

/** The documentation's table of defaults writes `minute` and `hour`, everything else `minutes` and `hours`. */
const scheduleSchema = z.preprocess(
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, given]) => [key === 'minute' || key === 'hour' ? `${key}s` : key, given]),
    );
  },
  z.strictObject({
    minutes: listOf(from(0, 59), 60),
    hours: listOf(from(0, 23), 24),
    // "max array size 7"
    weekDays: listOf(weekday, 7),
    monthDays: listOf(fromEnd(31), 62),
    monthlyOccurrences: listOf(monthlyOccurrence, 77),
    months: listOf(from(1, 12), 12),
  }),
);
type WantedSchedule = z.output<typeof scheduleSchema>;

const excludedDate = z.string().refine((text) => parseInstantOrUndefined(text) !== undefined, {
  error: 'expected a date like 2026-12-25, or a date and time.',
});

/** One example of the documentation writes `monthly`, where everything else writes `month`. */
const ADVERBS: ReadonlyMap<string, Frequency> = new Map([
  ['hourly', 'hour'],
  ['daily', 'day'],
  ['weekly', 'week'],
  ['monthly', 'month'],
  ['yearly', 'year'],
]);

export const recurrenceBodySchema = z.strictObject({
  frequency: z.preprocess(
    (value) => (typeof value === 'string' ? (ADVERBS.get(value.toLowerCase()) ?? value) : value),
    anyCase(FREQUENCIES),
  ),
  interval: z.int().positive().nullish(),
  count: z.int().positive().max(MAX_COUNT).nullish(),
  endTime: instant.nullish(),
  schedule: scheduleSchema.nullish(),
  timeZone: z
    .string()
    .max(100)
    .refine((name) => zoneOrUndefined(name) !== undefined, {
      error: 'expected the name of a time zone of the IANA database, like Europe/Berlin.',
    })
    .nullish(),
  clockChanges: z
    .strictObject({ gap: anyCase(GAP_POLICIES).nullish(), overlap: anyCase(OVERLAP_POLICIES).nullish() })
    .nullish(),
  excludedDates: listOf(excludedDate, MAX_EXCLUDED_DATES),
  blackouts: listOf(z.string().min(1).max(100), MAX_BLACKOUTS),
});
type WantedRecurrence = z.output<typeof recurrenceBodySchema>;

/** Brings a recurrence into the form in which it is stored. Throws an `ApiError` (400) that names the field and the rule. */
export function toRecurrence(wanted: WantedRecurrence, now: number): RecurrenceDefinition {
  const interval = wanted.interval ?? 1;
  const longest = MAX_INTERVAL[wanted.frequency];
  if (interval > longest) {
    throw invalid('interval', `the longest for the frequency '${wanted.frequency}' is ${longest}, got ${interval}.`);
  }
  if (wanted.endTime && wanted.endTime.ms < now)
    throw invalid('endTime', `it must not be in the past, got '${formatInstant(wanted.endTime)}'.`);
  if (wanted.clockChanges && !wanted.timeZone) {
    throw invalid('clockChanges', 'it has no meaning without timeZone: the clock of UTC never changes.');
  }
  const schedule = wanted.schedule ? toSchedule(wanted.schedule, wanted.frequency) : undefined;
  return {
    frequency: wanted.frequency,
    interval,
    ...(wanted.count ? { count: wanted.count } : {}),
    ...(wanted.endTime ? { endTime: formatInstant(wanted.endTime) } : {}),
    ...(schedule === undefined ? {} : { schedule }),
    ...(wanted.timeZone ? { timeZone: wanted.timeZone } : {}),
    ...(wanted.clockChanges
      ? {
          clockChanges: {
            gap: wanted.clockChanges.gap ?? USUAL_CLOCK_CHANGES.gap,
            overlap: wanted.clockChanges.overlap ?? USUAL_CLOCK_CHANGES.overlap,
          },
        }
      : {}),
    ...(wanted.excludedDates ? { excludedDates: wanted.excludedDates.map(toExcludedDate) } : {}),
    ...(wanted.blackouts ? { blackouts: wanted.blackouts } : {}),
  };
}

/** A day stays a day; a moment is brought into the service's form. */
function toExcludedDate(text: string): string {
  const parsed = parseInstantOrUndefined(text);
  return parsed === undefined || /^\d{4}-\d\d-\d\d$/.test(text.trim()) ? text.trim() : formatInstant(parsed);
}

function toSchedule(
  wanted: NonNullable<WantedSchedule>,
  frequency: Frequency,
): NonNullable<RecurrenceDefinition['schedule']> {
  const has = (list: readonly unknown[] | null | undefined): boolean => (list?.length ?? 0) > 0;
  // The words of the one refusal that is known from the real service, "Cannot set days of month with recurrence unit 'Week'."
  const unit = `${frequency.charAt(0).toUpperCase()}${frequency.slice(1)}`;
  const cannot = (what: string): Error => badRequest(`Cannot set ${what} with recurrence unit '${unit}'.`);
  const isOfMonths = frequency === 'month' || frequency === 'year';
  if (has(wanted.weekDays) && frequency !== 'week') throw cannot('days of week');
  if (has(wanted.monthDays) && !isOfMonths) throw cannot('days of month');
  if (has(wanted.monthlyOccurrences) && !isOfMonths) throw cannot('monthly occurrences');
  if (has(wanted.months) && (frequency === 'minute' || frequency === 'hour')) throw cannot('months');
  return {
    ...(wanted.minutes ? { minutes: wanted.minutes } : {}),
    ...(wanted.hours ? { hours: wanted.hours } : {}),
    ...(wanted.weekDays ? { weekDays: wanted.weekDays } : {}),
    ...(wanted.monthDays ? { monthDays: wanted.monthDays } : {}),
    ...(wanted.monthlyOccurrences
      ? {
          monthlyOccurrences: wanted.monthlyOccurrences.map(({ day, occurrence }) => ({
            day,
            ...(occurrence ? { occurrence } : {}),
          })),
        }
      : {}),
    ...(wanted.months ? { months: wanted.months } : {}),
  };
}

function invalid(field: string, rule: string): Error {
  return badRequest(`The field 'properties.recurrence.${field}' is not valid: ${rule}`);
}
