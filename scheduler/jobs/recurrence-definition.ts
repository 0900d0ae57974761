import { z } from 'zod';
import { FREQUENCIES, type Recurrence, type Timetable } from '../recurrence.ts';
import { NO_CALENDARS, type Calendars } from '../recurrence/blackout.ts';
import { GAP_POLICIES, OVERLAP_POLICIES, WEEKDAYS } from '../recurrence/rule.ts';
import { parseInstantOrUndefined } from './instant.ts';

/** The recurrence of a job as it is stored and shown; `parse-recurrence.ts` makes it from a request. */
export const recurrenceDefinitionSchema = z.strictObject({
  frequency: z.enum(FREQUENCIES),
  interval: z.int().positive(),
  count: z.int().positive().optional(),
  endTime: z.string().optional(),
  schedule: z
    .strictObject({
      minutes: z.array(z.int()).optional(),
      hours: z.array(z.int()).optional(),
      weekDays: z.array(z.enum(WEEKDAYS)).optional(),
      monthDays: z.array(z.int()).optional(),
      monthlyOccurrences: z.array(z.strictObject({ day: z.enum(WEEKDAYS), occurrence: z.int().optional() })).optional(),
      months: z.array(z.int()).optional(),
    })
    .optional(),
  timeZone: z.string().optional(),
  clockChanges: z.strictObject({ gap: z.enum(GAP_POLICIES), overlap: z.enum(OVERLAP_POLICIES) }).optional(),
  excludedDates: z.array(z.string()).optional(),
  blackouts: z.array(z.string()).optional(),
});

export type RecurrenceDefinition = z.output<typeof recurrenceDefinitionSchema>;

/**
 * The timetable of a job whose rule begins at `anchorMs`. A blackout calendar that the settings no longer have excludes
 * nothing: whoever took it out wanted that, and a job that stops for ever without a word would be worse.
 */
export function timetableFrom(
  definition: RecurrenceDefinition | undefined,
  anchorMs: number,
  calendars: Calendars = NO_CALENDARS,
): Timetable {
  if (definition === undefined) return { anchorMs, recurrence: undefined };
  const { endTime, blackouts, count, ...rule } = definition;
  const endMs = endTime === undefined ? undefined : parseInstantOrUndefined(endTime)?.ms;
  const recurrence: Recurrence = { ...rule, count, endMs };
  if (blackouts === undefined) return { anchorMs, recurrence };
  return { anchorMs, recurrence, blackouts: blackouts.flatMap((name) => calendars.get(name) ?? []) };
}

/** Equal for two definitions with the same calendar, whatever the order of their fields. */
export function calendarKey(definition: RecurrenceDefinition | undefined): string {
  if (definition === undefined) return '';
  const { schedule, ...rest } = definition;
  const sorted = (value: object): unknown => Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([sorted(rest), schedule === undefined ? null : sorted(schedule)]);
}
