import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openScheduler, type RunningScheduler } from '../../support/running-scheduler.ts';
import { apiOf, errorOf, http, job, SHOP } from '../../support/scheduler-api.ts';

describe('a job', () => {
  let shared: RunningScheduler;

  beforeAll(async () => {
    shared = await openScheduler();
    await apiOf(shared.url).call('put', SHOP, {});
  });

  afterAll(async () => {
    await shared.scheduler.close();
  });

  it.each([
    ['no properties', {}, /'properties' is not valid/],
    ['no action', { properties: {} }, /'properties.action' is not valid/],
    ['a misspelt field', job({ recurence: {} }), /'recurence' in 'properties' is not known/],
    [
      'a start time that is none',
      job({ startTime: 'soon' }),
      /'properties.startTime' is not valid: expected an ISO 8601 date and time, got 'soon'/,
    ],
    ['a start too far away', job({ startTime: '2030-01-01' }), /must start within 18 months/],
    [
      'an unknown frequency',
      job({ recurrence: { frequency: 'fortnight' } }),
      /'properties.recurrence.frequency' is not valid: expected one of minute, hour/,
    ],
    [
      'an interval of 0',
      job({ recurrence: { frequency: 'day', interval: 0 } }),
      /'properties.recurrence.interval' is not valid/,
    ],
    [
      'an interval of 79 weeks',
      job({ recurrence: { frequency: 'week', interval: 79 } }),
      /the longest for the frequency 'week' is 78, got 79/,
    ],
    [
      'an interval that is text',
      job({ recurrence: { frequency: 'day', interval: '2' } }),
      /'properties.recurrence.interval' is not valid: expected int, got "2"|expected number, got "2"/,
    ],
    [
      'a count of 2^31',
      job({ recurrence: { frequency: 'day', count: 2 ** 31 } }),
      /'properties.recurrence.count' is not valid/,
    ],
    ['an end in the past', job({ recurrence: { frequency: 'day', endTime: '2020-01-01' } }), /must not be in the past/],
    [
      'an end before the start',
      job({ recurrence: { frequency: 'day', endTime: '2027-01-01' } }),
      /it ends before its first occurrence/,
    ],
    [
      'days of the month in a weekly schedule',
      job({ recurrence: { frequency: 'Week', schedule: { monthDays: [1] } } }),
      /^Cannot set days of month with recurrence unit 'Week'\.$/,
    ],
    [
      'weekdays in a monthly schedule',
      job({ recurrence: { frequency: 'month', schedule: { weekDays: ['Monday'] } } }),
      /^Cannot set days of week with recurrence unit 'Month'\.$/,
    ],
    [
      'months in an hourly schedule',
      job({ recurrence: { frequency: 'hour', schedule: { months: [1] } } }),
      /^Cannot set months with recurrence unit 'Hour'\.$/,
    ],
    [
      'a 60th minute',
      job({ recurrence: { frequency: 'day', schedule: { minutes: [0, 60] } } }),
      /'properties.recurrence.schedule.minutes.1' is not valid: expected a whole number from 0 to 59, got 60/,
    ],
    [
      'a day 0 of the month',
      job({ recurrence: { frequency: 'month', schedule: { monthDays: 0 } } }),
      /'properties.recurrence.schedule.monthDays.0' is not valid: expected .* from -1 to -31 .*, got 0/,
    ],
    [
      'a sixth Friday',
      job({ recurrence: { frequency: 'month', schedule: { monthlyOccurrences: [{ day: 'Friday', Occurrence: 6 }] } } }),
      /'properties.recurrence.schedule.monthlyOccurrences.0.occurrence' is not valid: .*, got 6/,
    ],
    [
      'an eighth weekday',
      job({ recurrence: { frequency: 'week', schedule: { weekDays: Array.from({ length: 8 }, () => 'Monday') } } }),
      /'properties.recurrence.schedule.weekDays' is not valid/,
    ],
    [
      'a week number',
      job({ recurrence: { frequency: 'month', schedule: { weekNumber: 2 } } }),
      /'weekNumber' in 'properties.recurrence.schedule' is not known/,
    ],
    [
      'an unknown time zone',
      job({ recurrence: { frequency: 'day', timeZone: 'Europe/Atlantis' } }),
      /'properties.recurrence.timeZone' is not valid: expected the name of a time zone of the IANA database/,
    ],
    [
      'a policy for clocks that never change',
      job({ recurrence: { frequency: 'day', clockChanges: { gap: 'skip' } } }),
      /'properties.recurrence.clockChanges' is not valid: it has no meaning without timeZone/,
    ],
    [
      'an excluded date that is none',
      job({ recurrence: { frequency: 'day', excludedDates: ['2026-02-30'] } }),
      /'properties.recurrence.excludedDates.0' is not valid: expected a date/,
    ],
    [
      'a schedule that is never due',
      job({ recurrence: { frequency: 'year', schedule: { months: [2], monthDays: [30] } } }),
      /it ends before its first occurrence/,
    ],
    ['an empty error action', job({ action: http({ errorAction: {} }) }), /properties\.action\.errorAction\.type/],
    ['a window that is none', job({ runs: { window: 'soon' } }), /properties\.runs\.window.*like 01:00:00 or PT1H/],
    ['an unknown overlap', job({ runs: { overlap: 'both' } }), /expected one of skip, queue, allow, cancel/],
    [
      'authentication without a user',
      job({ action: { type: 'Http', request: { uri: 'http://a', method: 'GET', authentication: { type: 'Basic' } } } }),
      /'properties.action.request.authentication.username' is not valid.* 'properties.action.request.authentication.password' is not valid: expected text/,
    ],
    [
      'a storage queue without a message',
      job({ action: { type: 'storageQueue' } }),
      /'properties\.action\.queueMessage' is required by the action type StorageQueue/,
    ],
    ['an unknown type', job({ action: { type: 'Ftp' } }), /expected one of Http, Https, Fleet/],
    ['no request', job({ action: { type: 'Http' } }), /'properties.action.request' is required/],
    [
      'an address that is none',
      job({ action: { type: 'Http', request: { uri: '/x', method: 'GET' } } }),
      /expected an absolute http or https address/,
    ],
    [
      'http under Https',
      job({ action: { type: 'Https', request: { uri: 'http://a', method: 'GET' } } }),
      /wants an https address/,
    ],
    [
      'a URL of 2049 characters',
      job({ action: { type: 'Http', request: { uri: `http://a/${'x'.repeat(2040)}`, method: 'GET' } } }),
      /'properties.action.request.uri' is not valid/,
    ],
    [
      '51 headers',
      job({
        action: {
          type: 'Http',
          request: {
            uri: 'http://a',
            method: 'GET',
            headers: Object.fromEntries(Array.from({ length: 51 }, (_n, i) => [`h${i}`, 'x'])),
          },
        },
      }),
      /at most 50 headers/,
    ],
    [
      'a header with a line break',
      job({ action: { type: 'Http', request: { uri: 'http://a', method: 'GET', headers: { a: 'b\r\nc: d' } } } }),
      /no line breaks/,
    ],
    [
      'a body of 8193 characters',
      job({ action: { type: 'Http', request: { uri: 'http://a', method: 'POST', body: 'x'.repeat(8193) } } }),
      /'properties.action.request.body' is not valid/,
    ],
    [
      'more than 16 KB',
      job({
        action: { type: 'Fleet', fleet: { selector: { role: 'a' }, task: 'a', parameters: { x: 'x'.repeat(16_400) } } },
      }),
      /larger than 16384 bytes/,
    ],
    [
      'a retry interval of 14 s',
      job({ action: http({ retryPolicy: { retryType: 'Fixed', retryInterval: '00:00:14' } }) }),
      /from 15 seconds to 18 months/,
    ],
    [
      '21 retries',
      job({ action: http({ retryPolicy: { retryType: 'Fixed', retryCount: 21 } }) }),
      /'properties.action.retryPolicy.retryCount' is not valid/,
    ],
    ['a state that only the service sets', job({ state: 'Completed' }), /only Enabled and Disabled can be set/],
    [
      'an empty selector',
      job({ action: { type: 'Fleet', fleet: { selector: {}, task: 'patch' } } }),
      /would take the whole fleet/,
    ],
    [
      'a task that is a path',
      job({ action: { type: 'Fleet', fleet: { selector: { role: 'a' }, task: '../sh' } } }),
      /expected the name of a task/,
    ],
    [
      'retries of a rollout',
      job({
        action: { type: 'Fleet', fleet: { selector: { role: 'a' }, task: 'a' }, retryPolicy: { retryType: 'Fixed' } },
      }),
      /never repeated by itself/,
    ],
  ])('with %s is refused', async (_title, body, message) => {
    const { call } = apiOf(shared.url);
    const answer = await call('put', `${SHOP}/jobs/a`, body);
    expect(errorOf(answer.body)).toMatchObject({
      code: 'BadRequest',
      message: expect.stringMatching(message) as string,
    });
    expect(answer.status).toBe(400);
    expect((await call('get', `${SHOP}/jobs/a`)).status).toBe(404);
  });

  it('with a name that is none is refused', async () => {
    const { call } = apiOf(shared.url);
    for (const name of ['-a', 'a%20b', 'a%2Fb', 'x'.repeat(101)]) {
      expect((await call('put', `${SHOP}/jobs/${name}`, job())).status).toBe(400);
    }
  });
});
