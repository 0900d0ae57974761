import { describe, expect, it } from 'vitest';
import type { JobDefinition } from '../../../scheduler/jobs/definition.ts';
import { firstDue, timetableOf } from '../../../scheduler/jobs/job.ts';
import { nextOccurrence } from '../../../scheduler/recurrence.ts';
import type { Recurrence, Schedule, Weekday } from '../../../scheduler/recurrence/rule.ts';
import { occurrences, scheduled, short } from './rules.ts';

/** A Friday; its hour and minute are the "start time" of the examples. */
const START = '2026-11-20T12:25:00Z';

const WORKDAYS: Weekday[] = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'];
const ALL_HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const on = (day: string, ...times: string[]): string[] => times.map((time) => `${day}T${time}Z`);

/** "How to build complex schedules and advanced recurrence", every row of "Examples: Recurrence Schedules", with its first dates. */
const EXAMPLES: readonly (readonly [Recurrence['frequency'], Schedule, readonly string[]])[] = [
  ['day', { hours: [5] }, ['2026-11-21T05:25Z', '2026-11-22T05:25Z', '2026-11-23T05:25Z']],
  ['day', { minutes: [15], hours: [5] }, ['2026-11-21T05:15Z', '2026-11-22T05:15Z']],
  ['day', { minutes: [15], hours: [5, 17] }, ['2026-11-20T17:15Z', ...on('2026-11-21', '05:15', '17:15')]],
  [
    'day',
    { minutes: [15, 45], hours: [5, 17] },
    [...on('2026-11-20', '17:15', '17:45'), ...on('2026-11-21', '05:15', '05:45', '17:15', '17:45')],
  ],
  ['day', { minutes: [0, 15, 30, 45] }, on('2026-11-20', '12:30', '12:45', '13:00', '13:15', '13:30')],
  ['hour', { minutes: [0, 15, 30, 45] }, on('2026-11-20', '12:30', '12:45', '13:00', '13:15', '13:30')],
  ['day', { hours: ALL_HOURS }, on('2026-11-20', '12:25', '13:25', '14:25')],
  // "if the frequency were month, the schedule would run only once a month": one day a month, that is.
  ['month', { hours: ALL_HOURS }, [...on('2026-11-20', '12:25', '13:25'), '2026-11-20T14:25Z']],
  ['day', { minutes: [0] }, on('2026-11-20', '13:00', '14:00', '15:00')],
  ['week', { minutes: [0] }, [...on('2026-11-20', '13:00', '14:00')]],
  ['day', { minutes: [15] }, on('2026-11-20', '13:15', '14:15', '15:15')],
  ['week', { hours: [17], weekDays: ['saturday'] }, ['2026-11-21T17:25Z', '2026-11-28T17:25Z']],
  [
    'week',
    { hours: [17], weekDays: ['monday', 'wednesday', 'friday'] },
    ['2026-11-20T17:25Z', '2026-11-23T17:25Z', '2026-11-25T17:25Z', '2026-11-27T17:25Z'],
  ],
  [
    'week',
    { minutes: [15, 45], hours: [17], weekDays: ['monday', 'wednesday', 'friday'] },
    [...on('2026-11-20', '17:15', '17:45'), ...on('2026-11-23', '17:15', '17:45')],
  ],
  [
    'week',
    { hours: [5, 17], weekDays: ['monday', 'wednesday', 'friday'] },
    ['2026-11-20T17:25Z', ...on('2026-11-23', '05:25', '17:25'), ...on('2026-11-25', '05:25', '17:25')],
  ],
  [
    'week',
    { minutes: [15, 45], hours: [5, 17], weekDays: ['monday', 'wednesday', 'friday'] },
    [...on('2026-11-20', '17:15', '17:45'), ...on('2026-11-23', '05:15', '05:45', '17:15', '17:45')],
  ],
  ['week', { minutes: [0, 15, 30, 45], weekDays: WORKDAYS }, on('2026-11-20', '12:30', '12:45', '13:00')],
  [
    'week',
    { minutes: [0, 15, 30, 45], hours: [9, 10, 11, 12, 13, 14, 15, 16], weekDays: WORKDAYS },
    [
      ...on('2026-11-20', '12:30', '12:45', '13:00', '13:15', '13:30', '13:45', '14:00', '14:15', '14:30', '14:45'),
      ...on('2026-11-20', '15:00', '15:15', '15:30', '15:45', '16:00', '16:15', '16:30', '16:45'),
      ...on('2026-11-23', '09:00', '09:15'),
    ],
  ],
  ['week', { weekDays: ['sunday'] }, ['2026-11-22T12:25Z', '2026-11-29T12:25Z']],
  ['week', { weekDays: ['tuesday', 'thursday'] }, ['2026-11-24T12:25Z', '2026-11-26T12:25Z', '2026-12-01T12:25Z']],
  ['month', { minutes: [0], hours: [6], monthDays: [28] }, ['2026-11-28T06:00Z', '2026-12-28T06:00Z']],
  [
    'month',
    { minutes: [0], hours: [6], monthDays: [-1] },
    ['2026-11-30T06:00Z', '2026-12-31T06:00Z', '2027-01-31T06:00Z', '2027-02-28T06:00Z'],
  ],
  [
    'month',
    { minutes: [0], hours: [6], monthDays: [1, -1] },
    ['2026-11-30T06:00Z', '2026-12-01T06:00Z', '2026-12-31T06:00Z', '2027-01-01T06:00Z'],
  ],
  ['month', { monthDays: [1, -1] }, ['2026-11-30T12:25Z', '2026-12-01T12:25Z', '2026-12-31T12:25Z']],
  ['month', { monthDays: [1, 14] }, ['2026-12-01T12:25Z', '2026-12-14T12:25Z', '2027-01-01T12:25Z']],
  ['month', { monthDays: [2] }, ['2026-12-02T12:25Z', '2027-01-02T12:25Z']],
  [
    'month',
    { minutes: [0], hours: [5], monthlyOccurrences: [{ day: 'friday', occurrence: 1 }] },
    ['2026-12-04T05:00Z', '2027-01-01T05:00Z', '2027-02-05T05:00Z'],
  ],
  [
    'month',
    { monthlyOccurrences: [{ day: 'friday', occurrence: 1 }] },
    ['2026-12-04T12:25Z', '2027-01-01T12:25Z', '2027-02-05T12:25Z'],
  ],
  [
    'month',
    { monthlyOccurrences: [{ day: 'friday', occurrence: -3 }] },
    ['2026-12-11T12:25Z', '2027-01-15T12:25Z', '2027-02-12T12:25Z'],
  ],
  [
    'month',
    {
      minutes: [15],
      hours: [5],
      monthlyOccurrences: [
        { day: 'friday', occurrence: 1 },
        { day: 'friday', occurrence: -1 },
      ],
    },
    ['2026-11-27T05:15Z', '2026-12-04T05:15Z', '2026-12-25T05:15Z', '2027-01-01T05:15Z', '2027-01-29T05:15Z'],
  ],
  [
    'month',
    {
      monthlyOccurrences: [
        { day: 'friday', occurrence: 1 },
        { day: 'friday', occurrence: -1 },
      ],
    },
    ['2026-11-27T12:25Z', '2026-12-04T12:25Z', '2026-12-25T12:25Z'],
  ],
  [
    'month',
    { monthlyOccurrences: [{ day: 'friday', occurrence: 5 }] },
    ['2027-01-29T12:25Z', '2027-04-30T12:25Z', '2027-07-30T12:25Z', '2027-10-29T12:25Z', '2027-12-31T12:25Z'],
  ],
  [
    'month',
    { minutes: [0, 15, 30, 45], monthlyOccurrences: [{ day: 'friday', occurrence: -1 }] },
    on('2026-11-27', '00:00', '00:15', '00:30', '00:45', '01:00'),
  ],
  [
    'month',
    { minutes: [15, 45], hours: [5, 17], monthlyOccurrences: [{ day: 'wednesday', occurrence: 3 }] },
    [...on('2026-12-16', '05:15', '05:45', '17:15', '17:45'), '2027-01-20T05:15Z'],
  ],
];

describe('the examples of the documentation', () => {
  it.each(EXAMPLES)('every %s %j', (frequency, schedule, expected) => {
    expect(occurrences(scheduled(frequency, schedule, START), expected.length)).toEqual(expected);
  });

  it('monthlyOccurrences without an occurrence is every such weekday of the month', () => {
    const sundays = scheduled('month', { monthlyOccurrences: [{ day: 'sunday' }] }, START);
    expect(occurrences(sundays, 3)).toEqual(['2026-11-22T12:25Z', '2026-11-29T12:25Z', '2026-12-06T12:25Z']);
  });

  it('a month without a 31st is left out when the schedule names the 31st', () => {
    const table = scheduled('month', { monthDays: [31] }, START);
    expect(occurrences(table, 3)).toEqual(['2026-12-31T12:25Z', '2027-01-31T12:25Z', '2027-03-31T12:25Z']);
  });

  it('five runs a day from a Monday end on Friday', () => {
    const monday = { ...scheduled('day', {}, '2026-11-23T08:00:00Z') };
    const { recurrence } = monday;
    const table = { ...monday, recurrence: recurrence && { ...recurrence, count: 5 } };
    const friday = Date.parse('2026-11-27T08:00:00Z');
    expect(nextOccurrence(table, { afterMs: friday - 1, made: 4 })).toBe(friday);
    expect(nextOccurrence(table, { afterMs: friday, made: 5 })).toBeUndefined();
  });
});

describe('the table of startTime', () => {
  const NOW = Date.parse('2026-11-20T12:25:37.123Z');
  const PAST = '2026-11-18T09:10:00Z';
  const FUTURE = '2026-11-22T09:10:00Z';
  const EVERY_2_DAYS = { frequency: 'day', interval: 2 } as const;
  const SCHEDULE: JobDefinition['recurrence'] = { frequency: 'day', interval: 1, schedule: { hours: [6] } };

  /** The first two runs of a job that is created now. */
  function runs(startTime: string | undefined, recurrence: JobDefinition['recurrence']): readonly string[] {
    const definition: JobDefinition = {
      ...(startTime === undefined ? {} : { startTime }),
      ...(recurrence === undefined ? {} : { recurrence }),
      action: { type: 'Http', request: { uri: 'http://127.0.0.1/', method: 'GET' } },
    };
    const { anchorMs, nextAtMs } = firstDue(definition, NOW);
    if (nextAtMs === undefined) return [];
    const second = nextOccurrence(timetableOf(definition, anchorMs), { afterMs: nextAtMs, made: 1 });
    return [nextAtMs, ...(second === undefined ? [] : [second])].map(short);
  }

  const AT_ONCE = '2026-11-20T12:25:37.123Z';
  it.each([
    ['no start time and no recurrence', undefined, undefined, [AT_ONCE]],
    ['no start time and no schedule', undefined, EVERY_2_DAYS, [AT_ONCE, '2026-11-22T12:25:37.123Z']],
    ['no start time and a schedule', undefined, SCHEDULE, [AT_ONCE, '2026-11-21T06:25:37.123Z']],
    ['a past one and no recurrence', PAST, undefined, [AT_ONCE]],
    ['a past one and no schedule', PAST, EVERY_2_DAYS, ['2026-11-22T09:10Z', '2026-11-24T09:10Z']],
    ['a past one and a schedule', PAST, SCHEDULE, ['2026-11-21T06:10Z', '2026-11-22T06:10Z']],
    ['a future one and no recurrence', FUTURE, undefined, ['2026-11-22T09:10Z']],
    ['a future one and no schedule', FUTURE, EVERY_2_DAYS, ['2026-11-22T09:10Z', '2026-11-24T09:10Z']],
    // No sooner than the start: 06:10 of that day is too early.
    ['a future one and a schedule', FUTURE, SCHEDULE, ['2026-11-23T06:10Z', '2026-11-24T06:10Z']],
  ])('%s', (_cell, startTime, recurrence, expected) => {
    expect(runs(startTime, recurrence)).toEqual(expected);
  });
});
