import { describe, expect, it } from 'vitest';
import { recurrenceOf, type ScheduleWords } from '../../scheduler/schedule-words.ts';

describe('the calendar that options say', () => {
  it.each<[string, ScheduleWords, object | undefined]>([
    ['none', {}, undefined],
    ['every hour', { frequency: 'hour' }, { frequency: 'hour' }],
    [
      'every second day for a while',
      { frequency: 'day', interval: '2', count: '5', end: '2027-01-01' },
      { frequency: 'day', interval: 2, count: 5, endTime: '2027-01-01' },
    ],
    [
      'daily at some hours, on the hour',
      { hours: '5, 17' },
      { frequency: 'day', schedule: { hours: [5, 17], minutes: [0] } },
    ],
    [
      'daily at the minute of its start',
      { hours: '5', start: '2027-01-01T00:07' },
      { frequency: 'day', schedule: { hours: [5] } },
    ],
    [
      'every quarter of an hour',
      { minutes: '0,15,30,45' },
      { frequency: 'day', schedule: { minutes: [0, 15, 30, 45] } },
    ],
    [
      'at office hours',
      { weekDays: 'mon-Fri', hours: '9-11', minutes: '30' },
      {
        frequency: 'week',
        schedule: {
          weekDays: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
          hours: [9, 10, 11],
          minutes: [30],
        },
      },
    ],
    [
      'over the end of the week',
      { weekDays: 'sat-mon' },
      { frequency: 'week', schedule: { weekDays: ['saturday', 'sunday', 'monday'] } },
    ],
    ['at both ends of the month', { monthDays: '1,-1' }, { frequency: 'month', schedule: { monthDays: [1, -1] } }],
    [
      'on weekdays of the month',
      { monthlyOccurrences: 'friday:-1, tue:2, first Monday, last sun, wed' },
      {
        frequency: 'month',
        schedule: {
          monthlyOccurrences: [
            { day: 'friday', occurrence: -1 },
            { day: 'tuesday', occurrence: 2 },
            { day: 'monday', occurrence: 1 },
            { day: 'sunday', occurrence: -1 },
            { day: 'wednesday' },
          ],
        },
      },
    ],
    [
      'in some months',
      { monthDays: '1', months: 'jan,april-jun' },
      { frequency: 'month', schedule: { monthDays: [1], months: [1, 4, 5, 6] } },
    ],
    [
      'once a year',
      { frequency: 'year', monthDays: '24', months: '12' },
      { frequency: 'year', schedule: { monthDays: [24], months: [12] } },
    ],
    [
      "by another zone's clock, with exceptions",
      {
        hours: '2',
        timeZone: 'Europe/Berlin',
        clockGap: 'skip',
        clockOverlap: 'both',
        exclude: '2026-12-24,2026-12-25',
        blackouts: 'freeze',
      },
      {
        frequency: 'day',
        schedule: { hours: [2], minutes: [0] },
        timeZone: 'Europe/Berlin',
        clockChanges: { gap: 'skip', overlap: 'both' },
        excludedDates: ['2026-12-24', '2026-12-25'],
        blackouts: ['freeze'],
      },
    ],
    [
      "in cron's words",
      { cron: '30 2 * * 1-2', timeZone: 'Europe/Berlin', count: '3' },
      {
        frequency: 'week',
        interval: 1,
        schedule: { weekDays: ['monday', 'tuesday'], hours: [2], minutes: [30] },
        timeZone: 'Europe/Berlin',
        count: 3,
      },
    ],
    [
      "in cron's words for every hour, where the zone's clock decides how it counts",
      { cron: '0 * * * mon', timeZone: 'Europe/Berlin' },
      {
        frequency: 'week',
        interval: 1,
        schedule: { weekDays: ['monday'], minutes: [0] },
        timeZone: 'Europe/Berlin',
        clockChanges: { gap: 'skip', overlap: 'both' },
      },
    ],
  ])('is for a new job %s', (_title, words, expected) => {
    expect(recurrenceOf(words, true)).toEqual(expected);
  });

  it.each<[string, ScheduleWords, object]>([
    ['names no frequency by itself', { hours: '5' }, { schedule: { hours: [5] } }],
    ['takes lists away', { minutes: 'none', exclude: 'none' }, { schedule: { minutes: null }, excludedDates: null }],
    [
      "leaves nothing of the old lists beside cron's",
      { cron: '5 4 * * *' },
      {
        frequency: 'day',
        interval: 1,
        schedule: { hours: [4], minutes: [5], weekDays: null, monthDays: null, monthlyOccurrences: null, months: null },
      },
    ],
    [
      'takes the schedule away where cron has none',
      { cron: '* * * * *' },
      { frequency: 'minute', interval: 1, schedule: null },
    ],
  ])('for a job that is there %s', (_title, words, expected) => {
    expect(recurrenceOf(words, false)).toEqual(expected);
  });

  it.each<[ScheduleWords, string]>([
    [{ hours: 'noon' }, '--hours: expected whole numbers like 1,15 or 9-17, got "noon"'],
    [{ hours: '17-9' }, '--hours: "17-9" is no range'],
    [{ minutes: '0-999' }, '--minutes: "0-999" is no range'],
    [{ weekDays: 'm' }, '--week-days: expected weekdays like monday or mon-fri, got "m"'],
    [{ weekDays: '' }, '--week-days: expected weekdays like monday or mon-fri, got ""'],
    [{ monthlyOccurrences: 'sixth friday' }, '--monthly-occurrences: expected days like friday:1, "first friday"'],
    [{ months: 'ma' }, '--months: expected whole numbers'],
    [{ exclude: Array.from({ length: 101 }, () => 'x').join(',') }, '--exclude: more than 100 values'],
    [{ interval: 'two' }, '--interval: expected a whole number, got "two"'],
    [{ cron: '@reboot' }, "--cron: '@reboot' cannot become a recurrence: "],
    [{ cron: '@daily', weekDays: 'mon' }, '--cron: says what --week-days would say as well'],
  ])('is refused when it is %j', (words, message) => {
    expect(() => recurrenceOf(words, true)).toThrow(message);
  });
});
