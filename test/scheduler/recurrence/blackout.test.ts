import { describe, expect, it } from 'vitest';
import { parseSettings } from '../../../common/runtime/settings.ts';
import { calendarsSchema, toCalendars } from '../../../scheduler/blackout-settings.ts';
import { excludedBy, lastOccurrence, nextOccurrence } from '../../../scheduler/recurrence.ts';
import type { Exclusion } from '../../../scheduler/recurrence/blackout.ts';
import { occurrences, timetable } from './rules.ts';

function calendars(text: string): ReadonlyMap<string, Exclusion> {
  return toCalendars(parseSettings({ file: 'scheduler.yaml', text }, calendarsSchema, {}));
}

const FREEZE = `
freeze:
  timeZone: Europe/Berlin
  days: [2026-12-10, 12-25]
  weekDays: [sunday]
  periods:
    - { from: 2026-12-20T18:00, until: 2026-12-23 }
    - { from: 2026-12-22, until: 2026-12-24T06:00Z }
`;

const freeze = calendars(FREEZE).get('freeze') as Exclusion;
const untilOf = (at: string): string | undefined => {
  const untilMs = freeze.endIfCovering(Date.parse(at));
  return untilMs === undefined ? undefined : new Date(untilMs).toISOString();
};

describe('a blackout calendar', () => {
  it.each([
    ['a day begins at midnight of its zone', '2026-12-09T23:00:00Z', '2026-12-10T23:00:00.000Z'],
    ['not earlier', '2026-12-09T22:59:59Z', undefined],
    ['and ends at the next', '2026-12-10T23:00:00Z', undefined],
    ['a day without a year comes every year', '2031-12-25T12:00:00Z', '2031-12-25T23:00:00.000Z'],
    ['a weekday every week', '2026-11-22T12:00:00Z', '2026-11-22T23:00:00.000Z'],
    // The period goes on where the Sunday ends.
    ['periods that touch are one', '2026-12-20T17:00:00Z', '2026-12-24T06:00:00.000Z'],
    ['and end where the last ends', '2026-12-24T06:00:00Z', undefined],
  ])('%s', (_name, at, expected) => {
    expect(untilOf(at)).toBe(expected);
  });

  it('is left in one step by a job that runs every minute, and uses up none of its count', () => {
    const table = { ...timetable({ frequency: 'minute', count: 3 }, '2026-12-22T00:00:00Z'), blackouts: [freeze] };
    expect(occurrences(table, 2)).toEqual(['2026-12-24T06:00Z', '2026-12-24T06:01Z']);
    expect(excludedBy(table, Date.parse('2026-12-22T05:00:00Z'))).toBe("blackout calendar 'freeze'");
    expect(lastOccurrence(table, { afterMs: 0, made: 0 })).toBeUndefined();
  });

  it('that covers everything ends the search', () => {
    const never = calendars('never: { weekDays: [monday, tuesday, wednesday, thursday, friday, saturday, sunday] }');
    const table = { ...timetable({ frequency: 'day' }), blackouts: [...never.values()] };
    expect(nextOccurrence(table, { afterMs: table.anchorMs, made: 0 })).toBeUndefined();
  });

  it.each([
    ['freeze: { days: [12-32] }', /freeze\.days\[0\]: expected a day like 2026-12-24, or 12-25 for every year/],
    ['freeze: { timeZone: Mars }', /freeze\.timeZone: expected a time zone of the IANA database/],
    ['freeze: { periods: [{ from: soon, until: 2026-01-01 }] }', /freeze\.periods\[0\]\.from: expected a date like/],
    [
      'freeze: { periods: [{ from: 2027-01-01, until: 2026-01-01 }] }',
      /freeze\.periods\[0\]: expected until to be later than from/,
    ],
  ])('%s is refused', (text, message) => {
    expect(() => calendars(text)).toThrow(message);
  });
});

describe('excluded dates', () => {
  it('leave out days of the zone, or single moments', () => {
    const table = timetable(
      {
        timeZone: 'America/New_York',
        schedule: { hours: [20], minutes: [0] },
        excludedDates: ['2026-01-02', '2026-01-05T01:00:00Z'],
      },
      '2026-01-01T00:00:00Z',
    );
    // 20:00 in New York is 01:00 UTC of the next day: the 2nd and the 4th are left out.
    expect(occurrences(table, 3)).toEqual(['2026-01-01T01:00Z', '2026-01-02T01:00Z', '2026-01-04T01:00Z']);
    expect(occurrences(table, 4).at(-1)).toBe('2026-01-06T01:00Z');
  });
});
