import { bitsOf } from './bits.ts';
import { DAY_MS, firstDayOf, HOUR_MS, MINUTE_MS, monthOf, weekdayOf } from './civil.ts';
import { everyDays, everyWeeks, withinMonths, type DaySet } from './day-set.ts';
import { monthDaySet, namedDays, sameDay } from './month-days.ts';
import { WEEKDAYS, type Recurrence, type Schedule } from './rule.ts';

/** Moments on the clock on the wall, numbered from the first of the first period (which may lie before the job's start). */
export interface WallCalendar {
  /** The first that is not before `wallMs`; undefined when there is none any more. */
  readonly ceil: (wallMs: number) => number | undefined;
  /** How many lie before `wallMs`. */
  readonly rank: (wallMs: number) => number;
  readonly at: (index: number) => number | undefined;
  readonly smallestGapMs: () => number;
}

type CalendarFrequency = Exclude<Recurrence['frequency'], 'minute' | 'hour'>;

/**
 * The rule of a frequency from day to year, in wall time: some days, at some times of day.
 *
 * What the schedule leaves open follows from the start (Azure Scheduler, "Deep Dive: startTime" and the examples of schedules):
 * with neither hours nor minutes the start's time of day; hours alone take the start's minute; minutes alone mean every hour,
 * as five examples say and one sentence does not. Without a day it is the start's weekday, day of the month, or month. A minute
 * that was written down is that minute's beginning; otherwise the start's seconds stay.
 */
export function wallCalendar(
  rule: Recurrence & { readonly frequency: CalendarFrequency },
  startWallMs: number,
): WallCalendar {
  const startDay = Math.floor(startWallMs / DAY_MS);
  const schedule = rule.schedule ?? {};
  const times = timesOfDay(schedule, startWallMs - startDay * DAY_MS);
  const perDay = times.length;
  const days = daysOf(rule, schedule, startDay);
  return {
    ceil: (wallMs) => {
      const day = Math.floor(wallMs / DAY_MS);
      const found = days.ceil(day);
      if (found === undefined) return undefined;
      if (found > day) return found * DAY_MS + (times[0] ?? 0);
      const index = firstNotBelow(times, wallMs - day * DAY_MS);
      if (index < perDay) return day * DAY_MS + (times[index] ?? 0);
      const next = days.ceil(day + 1);
      return next === undefined ? undefined : next * DAY_MS + (times[0] ?? 0);
    },
    rank: (wallMs) => {
      const day = Math.floor(wallMs / DAY_MS);
      const today = days.ceil(day) === day ? firstNotBelow(times, wallMs - day * DAY_MS) : 0;
      return days.rank(day) * perDay + today;
    },
    at: (index) => {
      const day = days.at(Math.floor(index / perDay));
      return day === undefined ? undefined : day * DAY_MS + (times[index % perDay] ?? 0);
    },
    smallestGapMs: () => smallestGapMs(times, days.smallestGap()),
  };
}

/** Sorted milliseconds of the day: each hour with each minute. */
function timesOfDay(schedule: Schedule, startOfDayMs: number): Int32Array {
  const hours = numbersOf(schedule.hours);
  const minutes = numbersOf(schedule.minutes);
  if (hours.length === 0 && minutes.length === 0) return Int32Array.of(startOfDayMs);
  const inHour = minutes.length === 0 ? [startOfDayMs % HOUR_MS] : minutes.map((minute) => minute * MINUTE_MS);
  const wanted = hours.length === 0 ? Array.from({ length: 24 }, (_, hour) => hour) : hours;
  return Int32Array.from(wanted.flatMap((hour) => inHour.map((ms) => hour * HOUR_MS + ms)));
}

/** Sorted, each once. */
export function numbersOf(list: readonly number[] | undefined): readonly number[] {
  return list === undefined ? [] : [...new Set(list)].sort((a, b) => a - b);
}

function daysOf(
  rule: Recurrence & { readonly frequency: CalendarFrequency },
  schedule: Schedule,
  startDay: number,
): DaySet {
  const months = numbersOf(schedule.months).map((month) => month - 1);
  const startMonth = monthOf(startDay);
  const startOfMonth = startDay - firstDayOf(startMonth) + 1;
  switch (rule.frequency) {
    case 'day':
      return inMonths(everyDays(startDay, rule.interval), months);
    case 'week': {
      const weekDays = schedule.weekDays ?? [];
      const wanted = weekDays.length === 0 ? [weekdayOf(startDay)] : weekDays.map((day) => WEEKDAYS.indexOf(day));
      return inMonths(everyWeeks(startDay, rule.interval, bitsOf(wanted)), months);
    }
    case 'month':
      return monthDaySet({
        origin: startMonth,
        stepMonths: rule.interval,
        inPeriod: [0],
        months: months.length === 0 ? ALL_MONTHS : bitsOf(months),
        days: namedDays(schedule) ?? sameDay(startOfMonth),
      });
    case 'year':
      return monthDaySet({
        origin: startMonth - (startMonth % 12),
        stepMonths: rule.interval * 12,
        inPeriod: months.length === 0 ? [startMonth % 12] : months,
        months: ALL_MONTHS,
        days: namedDays(schedule) ?? sameDay(startOfMonth),
      });
    default:
      return rule.frequency satisfies never;
  }
}

const ALL_MONTHS = (1 << 12) - 1;

function inMonths(days: DaySet, months: readonly number[]): DaySet {
  return months.length === 0 || months.length === 12 ? days : withinMonths(days, bitsOf(months));
}

/** The shortest time between two occurrences on the wall: within a day, or from the last of a day to the first of the next. */
function smallestGapMs(times: Int32Array, dayGap: number): number {
  let smallest = dayGap * DAY_MS - (times.at(-1) ?? 0) + (times[0] ?? 0);
  for (let index = 1; index < times.length; index++) {
    smallest = Math.min(smallest, (times[index] ?? 0) - (times[index - 1] ?? 0));
  }
  return smallest;
}

/** The index of the first value that is not below `value`. */
function firstNotBelow(values: Int32Array, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
