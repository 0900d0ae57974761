import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openScheduler, type RunningScheduler } from '../../support/running-scheduler.ts';
import {
  apiOf,
  errorOf,
  GROUP,
  http,
  job,
  propertiesOf,
  SHOP,
  VERSION,
  type Body,
} from '../../support/scheduler-api.ts';

const DAY_MS = 86_400_000;
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const sent = (change: Body): Body => job({ action: http({ request: { uri: 'http://a/', method: 'GET', ...change } }) });
const every = (frequency: string, interval: number): Body => job({ recurrence: { frequency, interval } });
const retried = (change: Body): Body => job({ action: http({ retryPolicy: { retryType: 'fixed', ...change } }) });
const headers = (count: number, characters: number): Body => {
  const names = Array.from({ length: count }, (_name, index) => `h${String(index).padStart(3, '0')}`);
  const rest = characters - names.join('').length;
  return sent({ headers: Object.fromEntries(names.map((name, index) => [name, index === 0 ? 'x'.repeat(rest) : ''])) });
};

let shared: RunningScheduler;

beforeAll(async () => {
  shared = await openScheduler();
  await apiOf(shared.url).call('put', SHOP, {});
});

afterAll(async () => {
  await shared.scheduler.close();
});

// "Scheduler Limits and Defaults", "Job Schema", "retryPolicy": what is just allowed, and the least that is too much.
describe('a documented limit', () => {
  it.each<[string, Body, Body]>([
    [
      'request URL of 2048 characters',
      sent({ uri: `http://a/${'x'.repeat(2039)}` }),
      sent({ uri: `http://a/${'x'.repeat(2040)}` }),
    ],
    ['50 headers', headers(50, 300), headers(51, 300)],
    ['4096 characters in all headers', headers(2, 4096), headers(2, 4097)],
    ['body of 8192 characters', sent({ body: 'x'.repeat(8192) }), sent({ body: 'x'.repeat(8193) })],
    ['start within 18 months', job({ startTime: inMs(547.9 * DAY_MS) }), job({ startTime: inMs(548.1 * DAY_MS) })],
    ['interval of 1000 minutes', every('minute', 1000), every('minute', 1001)],
    ['interval of 1000 hours', every('hour', 1000), every('hour', 1001)],
    ['interval of 548 days', every('day', 548), every('day', 549)],
    ['interval of 78 weeks', every('week', 78), every('week', 79)],
    ['interval of 18 months', every('month', 18), every('month', 19)],
    ['retry interval of 15 seconds', retried({ retryInterval: 'PT15S' }), retried({ retryInterval: 'PT14S' })],
    [
      'retry interval of 18 months',
      retried({ retryInterval: '548.00:00:00' }),
      retried({ retryInterval: '548.00:00:01' }),
    ],
    ['20 retries', retried({ retryCount: 20 }), retried({ retryCount: 21 })],
    [
      'count of one',
      job({ recurrence: { frequency: 'day', count: 1 } }),
      job({ recurrence: { frequency: 'day', count: 0 } }),
    ],
  ])('(%s) is kept: that is accepted, and more is 400', async (_title, allowed, refused) => {
    const { call } = apiOf(shared.url);
    const accepted = await call('put', `${SHOP}/jobs/limits`, allowed);
    expect([accepted.status, accepted.body['error']]).toEqual([expect.toBeOneOf([200, 201]), undefined]);
    const { status, body } = await call('put', `${SHOP}/jobs/limits`, refused);
    expect([status, errorOf(body).code]).toEqual([400, 'BadRequest']);
  });

  it('of a job in all is kept by PATCH as well', async () => {
    const { call } = apiOf(shared.url);
    await call('put', `${SHOP}/jobs/large`, sent({ body: 'x'.repeat(8192) }));
    const errorAction = http({ request: { uri: 'http://a/', method: 'GET', body: 'x'.repeat(8192) } });
    const { status, body } = await call('patch', `${SHOP}/jobs/large`, { properties: { action: { errorAction } } });
    expect([status, errorOf(body).message]).toEqual([400, 'The job is larger than 16384 bytes.']);
    expect(propertiesOf((await call('get', `${SHOP}/jobs/large`)).body)['action']).not.toHaveProperty('errorAction');
  });
});

// "The x-ms-request-id Header": "Every request made against the Scheduler service".
it.each([
  ['served', GROUP, 200],
  ['without a version', `${GROUP}?x`, 400],
  ['for what is not there', `${SHOP}/jobs/nobody`, 404],
  ['that leads nowhere', '/nowhere', 404],
  ['that is broken', `${GROUP}/%E0%A4%A`, 400],
  ['under a foreign name', '/forewarn/v1/health', 403],
] as const)('a request %s is answered with an id of its own', async (_title, path, status) => {
  const ask = async (): Promise<{ status: number; id: unknown }> => {
    const asked = request(shared.url).get(path);
    if (!path.endsWith('?x')) asked.query(VERSION);
    if (status === 403) asked.set('Host', 'evil.example');
    const answer = await asked;
    return { status: answer.status, id: (answer.headers as Body)['x-ms-request-id'] };
  };
  const [first, second] = [await ask(), await ask()];
  expect([first.status, second.status]).toEqual([status, status]);
  expect(first.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(second.id).not.toBe(first.id);
});

// "Scheduler concepts", the comprehensive example, with times that are still to come.
it('the example of the concepts page is a job, as it was written', async () => {
  const { call } = apiOf(shared.url);
  const { status, body } = await call('put', `${SHOP}/jobs/concepts`, {
    properties: {
      startTime: '2027-08-04T00:00Z',
      action: {
        type: 'http',
        retryPolicy: { retryType: 'none' },
        request: {
          uri: 'http://contoso.com/foo',
          method: 'PUT',
          body: 'Posting from a timer',
          headers: { 'Content-Type': 'application/json' },
        },
        errorAction: { type: 'http', request: { uri: 'http://contoso.com/notifyError', method: 'POST' } },
      },
      recurrence: {
        frequency: 'week',
        interval: 1,
        schedule: { weekDays: ['monday', 'wednesday', 'friday'], hours: [10, 22] },
        count: 10,
        endTime: '2027-11-04',
      },
      state: 'disabled',
      status: { lastExecutionTime: '2007-03-01T13:00:00Z', executionCount: 3, failureCount: 0, faultedCount: 0 },
    },
  });
  expect([status, body['error']]).toEqual([201, undefined]);
  expect(propertiesOf(body)).toMatchObject({
    startTime: '2027-08-04T00:00:00Z',
    action: { type: 'Http', errorAction: { type: 'Http', request: { method: 'POST' } } },
    recurrence: { count: 10, endTime: '2027-11-04T00:00:00Z', schedule: { hours: [10, 22] } },
    state: 'disabled',
  });
  // What the service says of it is the service's to say, and it first runs on a day and at an hour that are named.
  const enabled = await call('patch', `${SHOP}/jobs/concepts`, { properties: { state: 'enabled' } });
  expect(propertiesOf(enabled.body)['status']).toEqual({
    executionCount: 0,
    failureCount: 0,
    faultedCount: 0,
    nextExecutionTime: '2027-08-04T10:00:00Z',
  });
});
