import { describe, expect, it } from 'vitest';
import { blackout } from '../../../scheduler/recurrence/blackout.ts';
import { previewOf, type PreviewRange } from '../../../scheduler/recurrence/preview.ts';
import type { Timetable } from '../../../scheduler/recurrence.ts';
import type { ClockChanges } from '../../../scheduler/recurrence/rule.ts';
import { timetable } from './rules.ts';

function lines(table: Timetable, change: Partial<PreviewRange> = {}): readonly string[] {
  const range = { fromMs: table.anchorMs, untilMs: undefined, made: 0, limit: 3, nextMs: undefined, ...change };
  return previewOf(table, range).map(
    ({ kind, local, note }) => `${kind} ${local}${note === undefined ? '' : ` | ${note}`}`,
  );
}

const nightly = (clockChanges: ClockChanges, start: string): Timetable =>
  timetable({ schedule: { hours: [2], minutes: [30] }, timeZone: 'Europe/Berlin', clockChanges }, start);

describe('the preview', () => {
  it.each([
    ['skip', 'skipped 2026-03-29 03:00:00 +02:00', 'the clock goes from 02:00 to 03:00 (gap: skip)'],
    ['shift', 'run 2026-03-29 03:30:00 +02:00', 'the clock goes from 02:00 to 03:00 (gap: shift)'],
    ['edge', 'run 2026-03-29 03:00:00 +02:00', 'the clock goes from 02:00 to 03:00 (gap: edge)'],
  ] as const)('says what %s does with a time that does not exist', (gap, line, why) => {
    expect(lines(nightly({ gap, overlap: 'first' }, '2026-03-27T12:00:00Z'))).toEqual([
      'run 2026-03-28 02:30:00 +01:00',
      `${line} | 02:30 does not exist on that day: ${why}`,
      'run 2026-03-30 02:30:00 +02:00',
    ]);
  });

  it('says which of two times it is', () => {
    expect(lines(nightly({ gap: 'shift', overlap: 'both' }, '2026-10-24T12:00:00Z'), { limit: 2 })).toEqual([
      'run 2026-10-25 02:30:00 +02:00 | 02:30 comes twice on that day; this is the first (overlap: both)',
      'run 2026-10-25 02:30:00 +01:00 | 02:30 comes twice on that day; this is the second (overlap: both)',
    ]);
  });

  it('tells a blackout in one line, with how many it leaves out', () => {
    const period = { fromMs: Date.parse('2026-01-02T00:00:00Z'), untilMs: Date.parse('2026-01-05T00:00:00Z') };
    const freeze = blackout('freeze', { timeZone: 'UTC', days: [], weekdays: [], periods: [period] });
    const table = { ...timetable({ frequency: 'hour', interval: 12, count: 3 }), blackouts: [freeze] };
    expect(lines(table, { limit: 10 })).toEqual([
      'run 2026-01-01 00:00:00 +00:00',
      'run 2026-01-01 12:00:00 +00:00',
      "skipped 2026-01-02 00:00:00 +00:00 | blackout calendar 'freeze', and 5 more until 2026-01-05 00:00:00 +00:00",
      'run 2026-01-05 00:00:00 +00:00',
    ]);
  });

  it('begins with the run that is due, also where the schedule does not name its time', () => {
    const table = timetable({ schedule: { hours: [6] } }, '2026-11-20T12:25:00Z');
    expect(lines(table, { nextMs: table.anchorMs, limit: 2 })).toEqual([
      'run 2026-11-20 12:25:00 +00:00 | at once, for it has no start time',
      'run 2026-11-21 06:25:00 +00:00',
    ]);
  });

  it('ends with the count, the end time, and what was asked for', () => {
    expect(lines(timetable({ count: 3 }), { made: 2 })).toHaveLength(1);
    expect(lines(timetable({ endMs: Date.parse('2026-01-02T00:00:00Z') }))).toHaveLength(2);
    expect(lines(timetable(), { untilMs: Date.parse('2026-01-02T00:00:00Z') })).toHaveLength(1);
  });

  it('of a job without recurrence is its one run', () => {
    const once = { anchorMs: Date.parse('2026-11-20T12:25:00Z'), recurrence: undefined };
    expect(lines(once, { nextMs: once.anchorMs })).toEqual(['run 2026-11-20 12:25:00 +00:00']);
    expect(lines(once, { made: 1 })).toEqual([]);
  });
});
