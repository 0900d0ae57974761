/**
 * The Gregorian calendar as arithmetic on whole numbers. A *day* is days since 1970-01-01, a *month* is `year * 12 + month - 1`,
 * *wall time* is what a clock on the wall shows, in milliseconds as if it showed UTC.
 *
 * The calendar repeats after 400 years: 4800 months, 146,097 days, exactly 20,871 weeks. So there are only 28 kinds of month
 * (four lengths, seven first weekdays), and one table of 4800 answers every question about months.
 */
export const DAY_MS = 86_400_000;
export const HOUR_MS = 3_600_000;
export const MINUTE_MS = 60_000;

export const CYCLE_MONTHS = 4800;
const CYCLE_DAYS = 146_097;
/** From 1 January of the year 0 to 1 January 1970. */
const DAYS_TO_1970 = 719_528;
const MEAN_MONTH_DAYS = CYCLE_DAYS / CYCLE_MONTHS;

/** How many kinds of month there are; `kindOfMonth` numbers them. */
export const MONTH_KINDS = 28;

/** The first day that is no longer in the year 9999, the last of .NET's calendar: nothing is ever due then. */
export const END_OF_DAYS = 2_932_897;

/** First day of each month of the cycle, counted from its start. */
const FIRST_DAYS = firstDays();

function firstDays(): Int32Array {
  const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  const table = new Int32Array(CYCLE_MONTHS + 1);
  let day = 0;
  for (let month = 0; month < CYCLE_MONTHS; month++) {
    table[month] = day;
    const year = Math.floor(month / 12);
    const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    day += (lengths[month % 12] ?? 0) + (isLeap && month % 12 === 1 ? 1 : 0);
  }
  table[CYCLE_MONTHS] = day;
  return table;
}

export function firstDayOf(month: number): number {
  const cycle = Math.floor(month / CYCLE_MONTHS);
  return cycle * CYCLE_DAYS + (FIRST_DAYS[month - cycle * CYCLE_MONTHS] ?? 0) - DAYS_TO_1970;
}

/** How many days a month has. */
export function lengthOf(month: number): number {
  const within = month - Math.floor(month / CYCLE_MONTHS) * CYCLE_MONTHS;
  return (FIRST_DAYS[within + 1] ?? 0) - (FIRST_DAYS[within] ?? 0);
}

/** The month that a day is in. The mean length is never off by more than one month. */
export function monthOf(day: number): number {
  const guess = Math.floor((day + DAYS_TO_1970) / MEAN_MONTH_DAYS);
  if (firstDayOf(guess) > day) return guess - 1;
  return firstDayOf(guess + 1) <= day ? guess + 1 : guess;
}

/** Monday is 0, Sunday 6. */
export function weekdayOf(day: number): number {
  // 1 January 1970 was a Thursday.
  return modulo(day + 3, 7);
}

/** The kind of a month, 0 to 27; `lengthOfKind` and `firstWeekdayOfKind` read it. */
export function kindOfMonth(month: number): number {
  return (lengthOf(month) - 28) * 7 + weekdayOf(firstDayOf(month));
}

export function lengthOfKind(kind: number): number {
  return 28 + Math.floor(kind / 7);
}

export function firstWeekdayOfKind(kind: number): number {
  return kind % 7;
}

/** The remainder that is never negative. */
export function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

export function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
