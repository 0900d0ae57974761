import { Cron } from 'croner';
import { describe, expect, it } from 'vitest';
import { importCron } from '../../../scheduler/recurrence/cron.ts';
import { short, timetable, occurrences } from './rules.ts';

const START = '2026-11-20T12:25:00Z';
const both = { gap: 'skip', overlap: 'both' };

describe('a cron expression', () => {
  it.each([
    ['* * * * *', { frequency: 'minute' }],
    ['*/20 * * * *', { frequency: 'hour', schedule: { minutes: [0, 20, 40] } }],
    ['@hourly', { frequency: 'hour', schedule: { minutes: [0] } }],
    ['@daily', { frequency: 'day', schedule: { hours: [0], minutes: [0] } }],
    ['30 2,14 * * *', { frequency: 'day', schedule: { hours: [2, 14], minutes: [30] } }],
    ['0 0 9-17/4 * * ?', { frequency: 'day', schedule: { hours: [9, 13, 17], minutes: [0] } }],
    ['5 4 * * sun', { frequency: 'week', schedule: { weekDays: ['sunday'], hours: [4], minutes: [5] } }],
    ['5 4 * * 7', { frequency: 'week', schedule: { weekDays: ['sunday'], hours: [4], minutes: [5] } }],
    [
      '*/30 * * * Mon-Wed',
      {
        frequency: 'week',
        schedule: { weekDays: ['monday', 'tuesday', 'wednesday'], minutes: [0, 30] },
        clockChanges: both,
      },
    ],
    ['0 9 * JUN *', { frequency: 'day', schedule: { months: [6], hours: [9], minutes: [0] } }],
    ['0 9 1,15 * *', { frequency: 'month', schedule: { monthDays: [1, 15], hours: [9], minutes: [0] } }],
    ['0 9 L-2 * *', { frequency: 'month', schedule: { monthDays: [-3], hours: [9], minutes: [0] } }],
    [
      '0 9 * * 5L',
      {
        frequency: 'month',
        schedule: { monthlyOccurrences: [{ day: 'friday', occurrence: -1 }], hours: [9], minutes: [0] },
      },
    ],
    ['@yearly', { frequency: 'month', schedule: { months: [1], monthDays: [1], hours: [0], minutes: [0] } }],
  ])('%s is %j', (expression, expected) => {
    expect(importCron(expression)).toEqual({ kind: 'recurrence', recurrence: { interval: 1, ...expected } });
  });

  it.each([
    '*/7 * * * *',
    '0 3-5 * * *',
    '15,45 8-18/2 * * 1-5',
    '0 12 29 2 *',
    '0 0 31 * *',
    '0 0 L * *',
    '10 10 * * 2#5',
    '10 10 * * 1L',
    '0 0 1 1,7 *',
    '59 23 * 2 6',
    '* 0 * * *',
    '0 */5 */10 * *',
  ])('%s is due when croner says so', (expression) => {
    const imported = importCron(expression);
    if (imported.kind === 'refused') throw new Error(imported.reason);
    const ours = occurrences(timetable(imported.recurrence, START), 20);
    const cron = new Cron(expression, { timezone: 'UTC' });
    const theirs = cron.nextRuns(20, new Date(Date.parse(START) - 1000)).map((date) => short(date.getTime()));
    expect(ours).toEqual(theirs);
  });

  it.each([
    ['0 0 13 * 5', /cron runs when either matches, a recurrence when both do; make two jobs/],
    ['30 0 0 * * *', /names the seconds 30; a job runs at most once a minute/],
    ['0 0 0 1 1 ? 2027', /names the year 2027; give the job a startTime and an endTime/],
    ['0 0 9 ? * 2', /whether weekday 2 counts Sunday as 1 \(Quartz\) or 0/],
    ['0 0 15W * *', /the nearest workday \(W\)/],
    ['60 * * * *', /the minute '60' is not from 0 to 59/],
    ['0 0 * foo *', /the month 'foo' is not from 1 to 12, and no name/],
    ['*/0 * * * *', /has a step of 0/],
    ['5-1 * * * *', /ends before it begins/],
    ['0 0 * * 1#6', /not from the first to the fifth/],
    ['@reboot', /is no time/],
    ['@often', /@often is not known; known are @hourly/],
    ['* * *', /expected five fields .* got 3/],
    ['', /got 0/],
    ['a-b-c * * * *', /'a-b-c' is none that is known/],
  ])('%s is refused', (expression, reason) => {
    const imported = importCron(expression);
    expect(imported.kind === 'refused' ? imported.reason : 'taken').toMatch(reason);
  });
});
