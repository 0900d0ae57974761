import { z } from 'zod';
import { blackout, type BlackoutCalendar, type Calendars, type Period } from './recurrence/blackout.ts';
import { WEEKDAYS } from './recurrence/rule.ts';
import { firstAtWall, UTC, zoneOrUndefined } from './recurrence/zone.ts';
import { parseInstantOrUndefined } from './jobs/instant.ts';

/** A calendar with more is a list that should be periods. */
const MAX_DAYS = 5000;
const MAX_PERIODS = 1000;

const isDay = (text: string): boolean => {
  const date = /^\d\d-\d\d$/.test(text) ? `2000-${text}` : text;
  return /^\d{4}-\d\d-\d\d$/.test(date) && parseInstantOrUndefined(date) !== undefined;
};

const moment = z.string().refine((text) => parseInstantOrUndefined(text) !== undefined, {
  error: 'expected a date like 2026-12-20, or a date and time like 2026-12-20T18:00',
});

const period = z
  .strictObject({ from: moment, until: moment })
  .refine(({ from, until }) => (parseInstantOrUndefined(from)?.ms ?? 0) < (parseInstantOrUndefined(until)?.ms ?? 0), {
    error: 'expected until to be later than from',
  });

const calendarSchema = z.strictObject({
  timeZone: z
    .string()
    .refine((name) => zoneOrUndefined(name) !== undefined, {
      error: 'expected a time zone of the IANA database, like Europe/Berlin',
    })
    .default('UTC'),
  days: z
    .array(z.string().refine(isDay, { error: 'expected a day like 2026-12-24, or 12-25 for every year' }))
    .max(MAX_DAYS)
    .default([]),
  weekDays: z.array(z.enum(WEEKDAYS)).max(7).default([]),
  periods: z.array(period).max(MAX_PERIODS).default([]),
});

/** `calendars:` in the scheduler's settings: names, and when jobs that refer to them (`recurrence.blackouts`) do not run. */
export const calendarsSchema = z.record(z.string().min(1).max(100), calendarSchema).default({});

export function toCalendars(settings: z.output<typeof calendarsSchema>): Calendars {
  return new Map(Object.entries(settings).map(([name, calendar]) => [name, blackout(name, toCalendar(calendar))]));
}

function toCalendar(calendar: z.output<typeof calendarSchema>): BlackoutCalendar {
  return {
    timeZone: calendar.timeZone,
    days: calendar.days,
    weekdays: calendar.weekDays.map((day) => WEEKDAYS.indexOf(day)),
    periods: calendar.periods.map(({ from, until }): Period => ({
      fromMs: momentIn(calendar.timeZone, from),
      untilMs: momentIn(calendar.timeZone, until),
    })),
  };
}

/** A moment that says no distance from UTC is what the calendar's own clock shows. */
function momentIn(timeZone: string, text: string): number {
  const parsed = parseInstantOrUndefined(text)?.ms ?? 0;
  const hasOffset = /(z|[+-]\d\d:?\d\d)$/i.test(text.trim()) && text.includes('T');
  return hasOffset ? parsed : firstAtWall(zoneOrUndefined(timeZone) ?? UTC, parsed);
}
