import { describe, expect, it } from 'vitest';
import { occurrencesBetween } from '../../../scheduler/recurrence.ts';
import type { GapPolicy, OverlapPolicy, Recurrence } from '../../../scheduler/recurrence/rule.ts';
import { zoneOrUndefined } from '../../../scheduler/recurrence/zone.ts';
import { clockOracle } from './clock-oracle.ts';
import { occurrences, timetable } from './rules.ts';

const BERLIN = 'Europe/Berlin';
const daily = (hours: number[], minutes: number[], changes: Recurrence['clockChanges']): Partial<Recurrence> => ({
  frequency: 'day',
  schedule: { hours, minutes },
  timeZone: BERLIN,
  clockChanges: changes,
});

describe('a time that the clock leaps over', () => {
  const around = (gap: GapPolicy, hours: number[], minutes: number[]): readonly string[] =>
    occurrences(timetable(daily(hours, minutes, { gap, overlap: 'first' }), '2026-03-28T12:00:00Z'), 2);

  it.each([
    ['shift', ['2026-03-29T01:30Z', '2026-03-30T00:30Z']],
    ['edge', ['2026-03-29T01:00Z', '2026-03-30T00:30Z']],
    ['skip', ['2026-03-30T00:30Z', '2026-03-31T00:30Z']],
  ] as const)('is treated as the policy %s says', (gap, expected) => {
    expect(around(gap, [2], [30])).toEqual(expected);
  });

  it('runs once with the time it falls on', () => {
    // 02:30 becomes 03:30, which is due anyway.
    expect(around('shift', [2, 3], [30])).toEqual(['2026-03-29T01:30Z', '2026-03-30T00:30Z']);
    // 02:00 and 02:30 both become the change itself, which is 03:00.
    expect(around('edge', [2, 3], [0, 30])).toEqual(['2026-03-29T01:00Z', '2026-03-29T01:30Z']);
  });

  it('at midnight too, where a whole day begins at one', () => {
    const havana = timetable(
      { timeZone: 'America/Havana', schedule: { hours: [0], minutes: [30] } },
      '2026-03-07T12:00:00Z',
    );
    expect(occurrences(havana, 2)).toEqual(['2026-03-08T05:30Z', '2026-03-09T04:30Z']);
  });
});

describe('a time that comes twice', () => {
  it.each([
    ['first', ['2026-10-25T00:30Z', '2026-10-26T01:30Z']],
    ['last', ['2026-10-25T01:30Z', '2026-10-26T01:30Z']],
    ['both', ['2026-10-25T00:30Z', '2026-10-25T01:30Z']],
  ] as const)('is treated as the policy %s says', (overlap: OverlapPolicy, expected) => {
    const table = timetable(daily([2], [30], { gap: 'shift', overlap }), '2026-10-24T12:00:00Z');
    expect(occurrences(table, 2)).toEqual(expected);
  });

  it('is found the second time also by a rule that is due again only a week later', () => {
    const weekly = timetable(
      {
        frequency: 'week',
        schedule: { weekDays: ['sunday'], hours: [2], minutes: [43] },
        timeZone: 'Australia/Sydney',
        clockChanges: { gap: 'shift', overlap: 'both' },
      },
      '2027-04-01T00:00:00Z',
    );
    expect(occurrences(weekly, 3)).toEqual(['2027-04-03T15:43Z', '2027-04-03T16:43Z', '2027-04-10T16:43Z']);
  });
});

describe('a rule in a zone', () => {
  it('takes what its schedule leaves open from the start as the zone shows it', () => {
    // 23:30 UTC on Thursday is half past midnight on Friday.
    const weekly = timetable({ frequency: 'week', timeZone: BERLIN }, '2026-01-01T23:30:00Z');
    expect(occurrences(weekly, 2)).toEqual(['2026-01-01T23:30Z', '2026-01-08T23:30Z']);
    expect(occurrences(weekly, 1, Date.parse('2026-07-01T00:00:00Z'))).toEqual(['2026-07-02T22:30Z']);
  });

  it('is without effect on what counts elapsed time', () => {
    const everySixHours = (timeZone?: string): readonly string[] =>
      occurrences(timetable({ frequency: 'hour', interval: 6, timeZone }, '2026-03-28T12:00:00Z'), 8);
    expect(everySixHours(BERLIN)).toEqual(everySixHours());
  });

  it.each([
    ['hour', BERLIN, { minutes: [15, 40], hours: [1, 2, 3] }],
    ['hour', 'Australia/Lord_Howe', { minutes: [10], hours: [0, 1, 2] }],
    ['hour', 'Asia/Kathmandu', { minutes: [0] }],
    ['minute', 'America/New_York', { hours: [1, 2], minutes: [0, 20, 59] }],
    ['minute', 'Australia/Lord_Howe', { hours: [1] }],
  ] as const)(
    'every %s in %s with %j is due at every minute whose wall time matches',
    (frequency, timeZone, schedule) => {
      for (const fromMs of [Date.parse('2027-03-25T00:00:00Z'), Date.parse('2026-10-02T00:00:00Z')]) {
        const toMs = fromMs + 33 * 86_400_000;
        const oracle = clockOracle(timeZone, fromMs, toMs);
        const expected: number[] = [];
        for (let atMs = fromMs; atMs < toMs; atMs += 60_000) {
          const wall = new Date(oracle.wallAt(atMs));
          const isHour = !('hours' in schedule) || (schedule.hours as readonly number[]).includes(wall.getUTCHours());
          const isMinute =
            !('minutes' in schedule) || (schedule.minutes as readonly number[]).includes(wall.getUTCMinutes());
          if (isHour && isMinute) expected.push(atMs);
        }
        const table = { ...timetable({ frequency, timeZone, schedule }), anchorMs: fromMs };
        expect(occurrencesBetween(table, { fromMs, toMs, limit: Infinity })).toEqual(expected);
      }
    },
  );

  it('knows its zone in any case of letters, and takes no offset for one', () => {
    expect(zoneOrUndefined('europe/berlin')).toBeDefined();
    expect(zoneOrUndefined('+02:00')).toBeUndefined();
    expect(zoneOrUndefined('Europe/Atlantis')).toBeUndefined();
  });
});
