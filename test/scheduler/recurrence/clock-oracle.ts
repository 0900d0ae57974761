import { WEEKDAYS, type Recurrence, type Weekday } from '../../../scheduler/recurrence/rule.ts';

/**
 * What the stated policies say, found the slow way: the wall clock of a zone is read every 15 minutes of the whole time
 * through `Intl`, and every day of the calendar is looked at. It shares nothing with the module under test but its words.
 */
export interface ClockOracle {
  /** Every occurrence of a rule from the frequency day on, from `startMs` until before the end of the oracle's time. */
  readonly occurrences: (rule: Recurrence, startMs: number) => readonly number[];
  readonly wallAt: (atMs: number) => number;
}

const STEP_MS = 15 * 60_000;
const DAY_MS = 86_400_000;

export function clockOracle(timeZone: string, fromMs: number, toMs: number): ClockOracle {
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  const offsets: number[] = [];
  for (let atMs = fromMs - 2 * DAY_MS; atMs < toMs + 2 * DAY_MS; atMs += STEP_MS) {
    const text = format.formatToParts(atMs).find((part) => part.type === 'timeZoneName')?.value ?? '';
    const [, sign = '+', hours = '0', minutes = '0'] = /([+-])(\d\d):(\d\d)/.exec(text) ?? [];
    offsets.push((sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000);
  }
  const offsetAt = (atMs: number): number => offsets[Math.floor((atMs - fromMs + 2 * DAY_MS) / STEP_MS)] as number;
  const distinct = [...new Set(offsets)];
  const changes = offsets.flatMap((offset, index) => {
    const before = offsets[index - 1] ?? offset;
    return before === offset ? [] : [{ atMs: fromMs - 2 * DAY_MS + index * STEP_MS, before, offset }];
  });
  const toMoments = (wall: number, rule: Recurrence): readonly number[] => {
    const moments = distinct
      .map((offset) => wall - offset)
      .filter((atMs) => offsetAt(atMs) === wall - atMs)
      .sort((a, b) => a - b);
    if (moments.length > 1) {
      const overlap = rule.clockChanges?.overlap ?? 'first';
      return overlap === 'both' ? moments : overlap === 'first' ? moments.slice(0, 1) : moments.slice(-1);
    }
    if (moments.length === 1) return moments;
    const change = changes.find(({ atMs, before, offset }) => atMs + before <= wall && wall < atMs + offset);
    if (change === undefined) throw new Error(`${timeZone}: no clock shows ${new Date(wall).toISOString()}`);
    const gap = rule.clockChanges?.gap ?? 'shift';
    return gap === 'skip' ? [] : [gap === 'edge' ? change.atMs : wall - change.before];
  };
  return {
    wallAt: (atMs) => atMs + offsetAt(atMs),
    occurrences: (rule, startMs) => {
      const startWall = startMs + offsetAt(startMs);
      const found = new Set<number>();
      const firstDay = Math.floor(startWall / DAY_MS) - 1;
      for (let day = firstDay; day * DAY_MS < toMs + DAY_MS; day++) {
        if (!isDayOf(rule, day, Math.floor(startWall / DAY_MS))) continue;
        for (const time of timesOf(rule, startWall)) {
          for (const atMs of toMoments(day * DAY_MS + time, rule)) {
            if (atMs >= startMs && atMs < toMs) found.add(atMs);
          }
        }
      }
      return [...found].sort((a, b) => a - b);
    },
  };
}

function isDayOf({ frequency, interval, schedule }: Recurrence, day: number, startDay: number): boolean {
  const date = new Date(day * DAY_MS);
  const start = new Date(startDay * DAY_MS);
  const months = (date.getUTCFullYear() - start.getUTCFullYear()) * 12 + date.getUTCMonth() - start.getUTCMonth();
  if (schedule?.months !== undefined && !schedule.months.includes(date.getUTCMonth() + 1)) return false;
  switch (frequency) {
    case 'day':
      return (day - startDay) % interval === 0;
    case 'week': {
      const week = (of: number): number => Math.floor((of + 3) / 7);
      const wanted = schedule?.weekDays ?? [WEEKDAYS[(start.getUTCDay() + 6) % 7]];
      return (
        (week(day) - week(startDay)) % interval === 0 &&
        wanted.includes(WEEKDAYS[(date.getUTCDay() + 6) % 7] as Weekday)
      );
    }
    case 'month':
    case 'year': {
      if (frequency === 'month' && months % interval !== 0) return false;
      if (frequency === 'year') {
        if ((date.getUTCFullYear() - start.getUTCFullYear()) % interval !== 0) return false;
        if (schedule?.months === undefined && date.getUTCMonth() !== start.getUTCMonth()) return false;
      }
      return isDayOfMonth(schedule ?? {}, date, start);
    }
    case 'hour':
    case 'minute':
      throw new Error(`the oracle knows no frequency ${frequency}`);
    default:
      return frequency satisfies never;
  }
}

function isDayOfMonth(schedule: NonNullable<Recurrence['schedule']>, date: Date, start: Date): boolean {
  const { monthDays, monthlyOccurrences } = schedule;
  const day = date.getUTCDate();
  const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  if (monthDays === undefined && monthlyOccurrences === undefined) return day === Math.min(start.getUTCDate(), length);
  const weekday = WEEKDAYS[(date.getUTCDay() + 6) % 7];
  const isNamed = monthDays === undefined || monthDays.includes(day) || monthDays.includes(day - length - 1);
  const isOccurrence =
    monthlyOccurrences === undefined ||
    monthlyOccurrences.some(
      ({ day: wanted, occurrence }) =>
        wanted === weekday &&
        (occurrence === undefined ||
          occurrence === Math.ceil(day / 7) ||
          occurrence === -Math.ceil((length - day + 1) / 7)),
    );
  return isNamed && isOccurrence;
}

function timesOf({ schedule }: Recurrence, startWall: number): readonly number[] {
  const start = new Date(startWall);
  const none = schedule?.hours === undefined && schedule?.minutes === undefined;
  const hours = schedule?.hours ?? (none ? [start.getUTCHours()] : Array.from({ length: 24 }, (_, hour) => hour));
  const minutes = schedule?.minutes ?? [start.getUTCMinutes()];
  return hours.flatMap((hour) => minutes.map((minute) => (hour * 60 + minute) * 60_000));
}
