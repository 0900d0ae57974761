import { DAY_MS, firstDayOf, monthOf, weekdayOf } from './civil.ts';
import { firstAtWall, wallOf, zoneOrUndefined, UTC, type Zone } from './zone.ts';

/** Times at which nothing may start. */
export interface Exclusion {
  /** What the preview and the history call it. */
  readonly name: string;
  /** When it is over, if it covers `atMs`. */
  readonly endIfCovering: (atMs: number) => number | undefined;
}

/** A named calendar of times at which the jobs that refer to it do not run: holidays, a freeze at the end of the year. */
export interface BlackoutCalendar {
  readonly timeZone: string;
  /** `2026-12-24`, or `12-25` for every year. */
  readonly days: readonly string[];
  /** Monday is 0. */
  readonly weekdays: readonly number[];
  readonly periods: readonly Period[];
}

/** From a moment until before another. */
export interface Period {
  readonly fromMs: number;
  readonly untilMs: number;
}

export type Calendars = ReadonlyMap<string, Exclusion>;
export const NO_CALENDARS: Calendars = new Map();

export function blackout(name: string, calendar: BlackoutCalendar): Exclusion {
  const zone = zoneOrUndefined(calendar.timeZone) ?? UTC;
  const days = daysOf(calendar.days);
  const weekdays = new Set(calendar.weekdays);
  const periods = merged(calendar.periods);
  return {
    name: `blackout calendar '${name}'`,
    endIfCovering: (atMs) => {
      const periodEnd = endOfPeriod(periods, atMs);
      const day = Math.floor(wallOf(zone, atMs) / DAY_MS);
      if (!days(day) && !weekdays.has(weekdayOf(day))) return periodEnd;
      return Math.max(periodEnd ?? -Infinity, endOfDay(zone, day));
    },
  };
}

/** The dates and moments that one recurrence leaves out. */
export function excludedDates(dates: readonly string[], zone: Zone): Exclusion | undefined {
  if (dates.length === 0) return undefined;
  const days = daysOf(dates.filter((date) => date.length <= 10));
  const moments = new Set(dates.filter((date) => date.length > 10).map((date) => Date.parse(date)));
  return {
    name: 'an excluded date',
    endIfCovering: (atMs) => {
      const day = Math.floor(wallOf(zone, atMs) / DAY_MS);
      if (days(day)) return endOfDay(zone, day);
      return moments.has(atMs) ? atMs + 1 : undefined;
    },
  };
}

function endOfDay(zone: Zone, day: number): number {
  return firstAtWall(zone, (day + 1) * DAY_MS);
}

/** Tells whether a day is among some dates; those without a year are meant every year. */
function daysOf(dates: readonly string[]): (day: number) => boolean {
  const days = new Set<number>();
  const everyYear = new Set<number>();
  for (const date of dates) {
    const [first = 0, second = 0, third] = date.split('-').map(Number);
    if (third === undefined) everyYear.add((first - 1) * 31 + second - 1);
    else days.add(firstDayOf(first * 12 + second - 1) + third - 1);
  }
  return (day) => {
    if (days.has(day)) return true;
    if (everyYear.size === 0) return false;
    const month = monthOf(day);
    return everyYear.has((month % 12) * 31 + day - firstDayOf(month));
  };
}

/** Sorted, and those that touch as one. */
function merged(periods: readonly Period[]): readonly Period[] {
  const sorted = periods.toSorted((a, b) => a.fromMs - b.fromMs);
  const result: Period[] = [];
  for (const period of sorted) {
    const last = result.at(-1);
    if (last !== undefined && period.fromMs <= last.untilMs) {
      result[result.length - 1] = { fromMs: last.fromMs, untilMs: Math.max(last.untilMs, period.untilMs) };
    } else result.push(period);
  }
  return result;
}

function endOfPeriod(periods: readonly Period[], atMs: number): number | undefined {
  let low = 0;
  let high = periods.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((periods[middle]?.untilMs ?? 0) <= atMs) low = middle + 1;
    else high = middle;
  }
  const found = periods[low];
  return found !== undefined && found.fromMs <= atMs ? found.untilMs : undefined;
}
