import { bitAt, bitsFrom, countBits, lowestBit, smallestGap } from './bits.ts';
import { END_OF_DAYS, firstDayOf, modulo, monthOf, weekdayOf } from './civil.ts';

/** The days of a rule, numbered from the first of its first period. Everything is computed, nothing is walked through. */
export interface DaySet {
  /** The first of its days that is not before `day`; undefined when there is none before the end of the calendar. */
  readonly ceil: (day: number) => number | undefined;
  /** How many of its days lie before `day`. */
  readonly rank: (day: number) => number;
  /** The day that has `index` days of the set before it. */
  readonly at: (index: number) => number | undefined;
  /** The fewest days between two of its days; Infinity when there are not two. */
  readonly smallestGap: () => number;
}

/** Every `interval` days from `origin`. */
export function everyDays(origin: number, interval: number): DaySet {
  const stepsTo = (day: number): number => Math.max(0, Math.ceil((day - origin) / interval));
  return {
    ceil: (day) => inCalendar(origin + stepsTo(day) * interval),
    rank: stepsTo,
    at: (index) => inCalendar(origin + index * interval),
    smallestGap: () => interval,
  };
}

/** Some weekdays (bits, Monday is 0) of every `interval`-th week, beginning with the week that `origin` is in. */
export function everyWeeks(origin: number, interval: number, weekdays: number): DaySet {
  const firstMonday = origin - weekdayOf(origin);
  const perWeek = countBits(weekdays);
  const stepDays = interval * 7;
  return {
    ceil: (day) => {
      const from = Math.max(day, firstMonday);
      const period = Math.floor((from - firstMonday) / stepDays);
      const monday = firstMonday + period * stepDays;
      const left = from - monday > 6 ? 0 : bitsFrom(weekdays, from - monday);
      return inCalendar(left === 0 ? monday + stepDays + lowestBit(weekdays) : monday + lowestBit(left));
    },
    rank: (day) => {
      const from = Math.max(day, firstMonday);
      const period = Math.floor((from - firstMonday) / stepDays);
      const within = from - firstMonday - period * stepDays;
      return period * perWeek + perWeek - (within > 6 ? 0 : countBits(bitsFrom(weekdays, within)));
    },
    at: (index) => {
      const period = Math.floor(index / perWeek);
      return inCalendar(firstMonday + period * stepDays + bitAt(weekdays, index - period * perWeek));
    },
    smallestGap: () => Math.min(smallestGap(weekdays), stepDays - (31 - Math.clz32(weekdays)) + lowestBit(weekdays)),
  };
}

/** Alignments tried before a rule counts as one that is never due: more than there are months in a cycle of the calendar. */
const MAX_TRIES = 5000;

/** Those days of `set` that are in some months (bits, January is 0). Counting costs a step a month, not one a day. */
export function withinMonths(set: DaySet, months: number): DaySet {
  const ceil = (day: number): number | undefined => {
    let found = set.ceil(day);
    for (let tries = 0; found !== undefined && tries < MAX_TRIES; tries++) {
      const month = monthOf(found);
      if (isIn(months, month)) return found;
      found = set.ceil(firstDayOf(nextIn(months, month)));
    }
    return undefined;
  };
  const first = set.at(0);
  const firstMonth = first === undefined ? 0 : monthOf(first);
  const countIn = (month: number, before: number): number =>
    set.rank(Math.min(before, firstDayOf(month + 1))) - set.rank(firstDayOf(month));
  return {
    ceil,
    rank: (day) => {
      let count = 0;
      for (let month = firstMonth; firstDayOf(month) < day; month++) {
        if (isIn(months, month)) count += countIn(month, day);
      }
      return count;
    },
    at: (index) => {
      let left = index;
      for (let month = firstMonth; firstDayOf(month) < END_OF_DAYS; month++) {
        if (!isIn(months, month)) continue;
        const here = countIn(month, Infinity);
        if (left < here) return set.at(set.rank(firstDayOf(month)) + left);
        left -= here;
      }
      return undefined;
    },
    // Leaving out months takes no two days nearer to each other.
    smallestGap: set.smallestGap,
  };
}

function isIn(months: number, month: number): boolean {
  return ((months >> modulo(month, 12)) & 1) === 1;
}

function nextIn(months: number, after: number): number {
  let month = after + 1;
  while (!isIn(months, month)) month++;
  return month;
}

function inCalendar(day: number): number | undefined {
  return day < END_OF_DAYS ? day : undefined;
}
