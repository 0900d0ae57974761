import { bitAt, bitsFrom, bitsOf, countBits, lowestBit, smallestGap } from './bits.ts';
import {
  CYCLE_MONTHS,
  END_OF_DAYS,
  firstDayOf,
  firstWeekdayOfKind,
  greatestCommonDivisor,
  kindOfMonth,
  lengthOfKind,
  modulo,
  MONTH_KINDS,
  monthOf,
} from './civil.ts';
import type { DaySet } from './day-set.ts';
import { WEEKDAYS, type Schedule } from './rule.ts';

/** Which days of a month; bits, the 1st is bit 0. One entry for each of the 28 kinds of month. */
export type DaysOfMonth = Int32Array;

/** The days that a schedule names, or undefined when it names none. What a month has not is left out. */
export function namedDays({ monthDays, monthlyOccurrences }: Schedule): DaysOfMonth | undefined {
  const hasDays = monthDays !== undefined && monthDays.length > 0;
  const hasOccurrences = monthlyOccurrences !== undefined && monthlyOccurrences.length > 0;
  if (!hasDays && !hasOccurrences) return undefined;
  const table = new Int32Array(MONTH_KINDS);
  for (let kind = 0; kind < MONTH_KINDS; kind++) {
    const byDay = hasDays ? dayBits(monthDays, lengthOfKind(kind)) : -1;
    table[kind] = byDay & (hasOccurrences ? weekdayBits(monthlyOccurrences, kind) : -1);
  }
  return table;
}

/** One day of every month; the last where a month is shorter. For a day that follows from the start of a job. */
export function sameDay(dayOfMonth: number): DaysOfMonth {
  return Int32Array.from({ length: MONTH_KINDS }, (_, kind) => 1 << (Math.min(dayOfMonth, lengthOfKind(kind)) - 1));
}

function dayBits(monthDays: readonly number[], length: number): number {
  const days = monthDays.map((day) => (day > 0 ? day - 1 : length + day));
  return bitsOf(days.filter((day) => day >= 0 && day < length));
}

function weekdayBits(wanted: NonNullable<Schedule['monthlyOccurrences']>, kind: number): number {
  const length = lengthOfKind(kind);
  let bits = 0;
  for (const { day, occurrence } of wanted) {
    const first = modulo(WEEKDAYS.indexOf(day) - firstWeekdayOfKind(kind), 7);
    const times = Math.floor((length - 1 - first) / 7) + 1;
    for (let index = 0; index < times; index++) {
      if (occurrence === undefined || occurrence === index + 1 || occurrence === index - times)
        bits |= 1 << (first + index * 7);
    }
  }
  return bits;
}

export interface MonthRule {
  /** A month in the first period: the one of the job's start. */
  readonly origin: number;
  /** Months from the beginning of a period to that of the next: the interval, twelve times as many for years. */
  readonly stepMonths: number;
  /** The months of a period that count, from its beginning; `[0]` for the frequency month. */
  readonly inPeriod: readonly number[];
  /** Bits, January is 0: months that count at all. */
  readonly months: number;
  readonly days: DaysOfMonth;
}

/** Some days of some months. The pattern repeats after at most 4800 periods, whose sums are made when first asked for. */
export function monthDaySet(rule: MonthRule): DaySet {
  const { origin, stepMonths, inPeriod, days } = rule;
  const periods = CYCLE_MONTHS / greatestCommonDivisor(stepMonths, CYCLE_MONTHS);
  const daysIn = (month: number): number =>
    ((rule.months >> modulo(month, 12)) & 1) === 1 ? (days[kindOfMonth(month)] ?? 0) : 0;
  const countIn = (period: number): number => {
    let count = 0;
    for (const offset of inPeriod) count += countBits(daysIn(origin + period * stepMonths + offset));
    return count;
  };
  let sums: Uint32Array | undefined;
  const sumsOf = (): Uint32Array => {
    if (sums !== undefined) return sums;
    sums = new Uint32Array(periods + 1);
    for (let period = 0; period < periods; period++) sums[period + 1] = (sums[period] ?? 0) + countIn(period);
    return sums;
  };
  return {
    ceil: (day) => {
      const from = Math.max(day, firstDayOf(origin));
      if (from >= END_OF_DAYS) return undefined;
      const fromMonth = monthOf(from);
      const first = Math.floor((fromMonth - origin) / stepMonths);
      // Rules that are due at all are due within a cycle; the rarest (29 February, a Friday) after 40 years.
      for (let period = first; period <= first + periods; period++) {
        for (const offset of inPeriod) {
          const month = origin + period * stepMonths + offset;
          if (month < fromMonth) continue;
          const here = daysIn(month);
          const left = month === fromMonth ? bitsFrom(here, from - firstDayOf(month)) : here;
          if (left !== 0) return inCalendar(firstDayOf(month) + lowestBit(left));
        }
      }
      return undefined;
    },
    rank: (day) => {
      if (day <= firstDayOf(origin)) return 0;
      const table = sumsOf();
      const inMonth = monthOf(day);
      const period = Math.floor((inMonth - origin) / stepMonths);
      const cycles = Math.floor(period / periods);
      let count = cycles * (table[periods] ?? 0) + (table[period - cycles * periods] ?? 0);
      for (const offset of inPeriod) {
        const month = origin + period * stepMonths + offset;
        if (month > inMonth) break;
        const here = daysIn(month);
        count += countBits(here) - (month === inMonth ? countBits(bitsFrom(here, day - firstDayOf(month))) : 0);
      }
      return count;
    },
    at: (index) => {
      const table = sumsOf();
      const perCycle = table[periods] ?? 0;
      if (perCycle === 0) return undefined;
      const cycles = Math.floor(index / perCycle);
      let left = index - cycles * perCycle;
      const within = lastNotAbove(table, left);
      left -= table[within] ?? 0;
      for (const offset of inPeriod) {
        const month = origin + (cycles * periods + within) * stepMonths + offset;
        const here = daysIn(month);
        if (left < countBits(here)) return inCalendar(firstDayOf(month) + bitAt(here, left));
        left -= countBits(here);
      }
      return undefined;
    },
    smallestGap: () => smallestGapOf(rule, periods, daysIn),
  };
}

/** The largest index whose value is not above `value`; the values never fall, and the first is 0. */
function lastNotAbove(table: Uint32Array, value: number): number {
  let low = 0;
  let high = table.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((table[middle] ?? 0) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Walks one cycle: only quotas ask, when a job is written. */
function smallestGapOf(
  { origin, stepMonths, inPeriod }: MonthRule,
  periods: number,
  daysIn: (month: number) => number,
): number {
  let smallest = Infinity;
  let last = -Infinity;
  for (let period = 0; period <= periods && smallest > 1; period++) {
    for (const offset of inPeriod) {
      const month = origin + period * stepMonths + offset;
      const here = daysIn(month);
      if (here === 0) continue;
      const first = firstDayOf(month);
      smallest = Math.min(smallest, smallestGap(here), first + lowestBit(here) - last);
      last = first + 31 - Math.clz32(here);
    }
  }
  return smallest;
}

function inCalendar(day: number): number | undefined {
  return day < END_OF_DAYS ? day : undefined;
}
