import { describe, expect, it } from 'vitest';
import { countBetween, lastOccurrence, nextOccurrence, smallestGapMs } from '../../../scheduler/recurrence.ts';
import { occurrences, scheduled, short, timetable } from './rules.ts';

const DAY_MS = 86_400_000;

describe('a rule that is rarely due', () => {
  it.each([
    [
      '29 February, a Friday',
      scheduled('year', { months: [2], monthDays: [29], monthlyOccurrences: [{ day: 'friday' }] }),
      ['2036-02-29T00:00Z', '2064-02-29T00:00Z', '2092-02-29T00:00Z', '2104-02-29T00:00Z'],
    ],
    [
      'Friday the 13th',
      scheduled('month', { monthDays: [13], monthlyOccurrences: [{ day: 'friday' }] }),
      ['2026-02-13T00:00Z', '2026-03-13T00:00Z', '2026-11-13T00:00Z', '2027-08-13T00:00Z'],
    ],
    [
      'the 31st every 5 months',
      timetable({ frequency: 'month', interval: 5, schedule: { monthDays: [31] } }),
      ['2026-01-31T00:00Z', '2028-07-31T00:00Z'],
    ],
    ['never, 30 February', scheduled('year', { months: [2], monthDays: [30] }), []],
    [
      'never, the 31st from April every year',
      timetable({ frequency: 'month', interval: 12, schedule: { monthDays: [31] } }, '2026-04-01T00:00:00Z'),
      [],
    ],
    [
      'never, an odd minute of even ones',
      timetable({ frequency: 'minute', interval: 2, schedule: { minutes: [1] } }),
      [],
    ],
  ])('%s', (_name, table, expected) => {
    expect(occurrences(table, Math.max(1, expected.length))).toEqual(expected);
  });

  it('is still found from a century away', () => {
    const table = scheduled('month', { monthlyOccurrences: [{ day: 'friday', occurrence: 5 }] });
    expect(occurrences(table, 1, Date.parse('2126-01-01T00:00:00Z'))).toEqual(['2126-03-29T00:00Z']);
  });

  it('ends with the year 9999', () => {
    const table = timetable({ frequency: 'year' });
    expect(nextOccurrence(table, { afterMs: Date.parse('9999-06-01T00:00:00Z'), made: 0 })).toBeUndefined();
  });
});

describe('counting', () => {
  const fifthFridays = timetable({
    frequency: 'month',
    count: 1000,
    schedule: { monthlyOccurrences: [{ day: 'friday', occurrence: 5 }] },
  });

  it('skips to the last of a thousand without going through them', () => {
    let afterMs = fifthFridays.anchorMs - 1;
    for (let made = 0; made < 1000; made++) afterMs = nextOccurrence(fifthFridays, { afterMs, made }) ?? 0;
    const last = lastOccurrence(fifthFridays, { afterMs: fifthFridays.anchorMs - 1, made: 0 });
    expect(short(last ?? 0)).toBe(short(afterMs));
    expect(countBetween(fifthFridays, fifthFridays.anchorMs, afterMs + 1)).toBe(1000);
  });

  it('counts those made towards the end, and the end before the count where it comes first', () => {
    const afterMs = fifthFridays.anchorMs - 1;
    const one = lastOccurrence(fifthFridays, { afterMs, made: 999 });
    expect(short(one ?? 0)).toBe('2026-01-30T00:00Z');
    const daily = timetable({ count: 100, endMs: Date.parse('2026-01-10T12:00:00Z') });
    expect(short(lastOccurrence(daily, { afterMs: daily.anchorMs - 1, made: 0 }) ?? 0)).toBe('2026-01-10T00:00Z');
  });

  it('knows no last one where there is none', () => {
    expect(lastOccurrence(timetable(), { afterMs: 0, made: 0 })).toBeUndefined();
  });
});

describe('the shortest gap', () => {
  it.each([
    ['a frequency alone', timetable({ frequency: 'hour', interval: 3 }), 3 / 24],
    ['two minutes of an hour', scheduled('hour', { minutes: [0, 1] }), 1 / 1440],
    ['the last and the first minute', scheduled('hour', { minutes: [5, 59] }), 6 / 1440],
    ['an hour of the day', scheduled('hour', { hours: [3, 4, 9], minutes: [0] }), 1 / 24],
    ['times over midnight', scheduled('day', { hours: [1, 23], minutes: [0] }), 2 / 24],
    [
      'not over midnight where the days are apart',
      scheduled('week', { weekDays: ['monday', 'thursday'], hours: [1, 23], minutes: [0] }),
      22 / 24,
    ],
    ['days over the end of a week', scheduled('week', { weekDays: ['monday', 'sunday'] }), 1],
    [
      'days over the end of a fortnight',
      timetable({ frequency: 'week', interval: 2, schedule: { weekDays: ['monday', 'sunday'] } }),
      6,
    ],
    ['the last and the first of a month', scheduled('month', { monthDays: [1, -1] }), 1],
    ['the 29th and the 1st', scheduled('month', { monthDays: [1, 29] }), 1],
    ['every month', timetable({ frequency: 'month' }), 28],
    ['years', timetable({ frequency: 'year' }), 365],
    ['a single run', timetable({ frequency: 'minute', count: 1 }), Infinity],
  ])('of %s', (_name, table, days) => {
    expect(smallestGapMs(table)).toBe(days * DAY_MS);
  });
});
