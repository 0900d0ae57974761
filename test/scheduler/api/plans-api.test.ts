import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatKeys, newKey } from '../../../scheduler/secrets/key-ring.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { plansOf } from '../../../scheduler/jobs/plans.ts';
import { execution, memoryStore, givenJob, JOB } from '../../support/scheduler-store.ts';
import { runningScheduler } from '../../support/running-scheduler.ts';
import { api, apiOf, errorOf, GROUP, http, job, propertiesOf, SHOP, type Api } from '../../support/scheduler-api.ts';

const plan = (name: string) => ({ properties: { sku: { name } } });
const hourly = (interval = 1) => job({ recurrence: { frequency: 'hour', interval } });

async function messageOf(answer: Promise<{ status: number; body: Record<string, unknown> }>) {
  const { status, body } = await answer;
  return [status, errorOf(body).code, errorOf(body).message];
}

describe('the plans of job collections', () => {
  it('allow one free collection in a subscription, and another in the next', async () => {
    const { call } = await api();
    expect((await call('put', `${GROUP}/one`, plan('Free'))).status).toBe(201);
    expect((await call('put', `${GROUP}/ONE`, plan('Free'))).status).toBe(201);
    const other = GROUP.replace('Group1', 'Group2');
    expect(await messageOf(call('put', `${other}/two`, plan('Free')))).toEqual([
      409,
      'Conflict',
      'The subscription already has a free job collection. Only one free job collection can be created per subscription.',
    ]);
    expect((await call('put', `${GROUP.replace('Sub1', 'Sub10')}/two`, plan('Free'))).status).toBe(201);
  });

  it('allow five jobs in a free collection, no more often than once an hour, and no authentication', async () => {
    const { call } = await api();
    await call('put', SHOP, plan('Free'));
    for (let index = 0; index < 5; index++) await call('put', `${SHOP}/jobs/j${index}`, hourly());
    expect(await messageOf(call('put', `${SHOP}/jobs/j5`, hourly()))).toEqual([
      409,
      'Conflict',
      "The job collection has reached its quota of '5'. Please remove existing jobs before adding new ones.",
    ]);
    // One that is there may be written again.
    expect((await call('put', `${SHOP}/jobs/j4`, hourly(2))).status).toBe(200);
    const often = job({ recurrence: { frequency: 'day', schedule: { minutes: [0, 59] } } });
    expect((await messageOf(call('put', `${SHOP}/jobs/j4`, often)))[0]).toBe(409);
    const authentication = { type: 'Basic', username: 'a', password: 'b' };
    const request = { uri: 'https://a.example/', method: 'GET' };
    const secret = job({ action: http({ request: { ...request, authentication } }) });
    expect(await messageOf(call('put', `${SHOP}/jobs/j4`, secret))).toEqual([
      409,
      'Conflict',
      expect.stringMatching(/'authentication'/),
    ]);
    const fallback = job({ action: http({ errorAction: http({ request: { ...request, authentication } }) }) });
    expect((await messageOf(call('put', `${SHOP}/jobs/j4`, fallback)))[0]).toBe(409);
    const retries = job({ action: http({ retryPolicy: { retryType: 'fixed', retryInterval: '00:59:59' } }) });
    expect(await messageOf(call('put', `${SHOP}/jobs/j4`, retries))).toEqual([
      409,
      'Conflict',
      expect.stringMatching(/'00:59:59'.*3600/),
    ]);
  });

  describe('can be changed to the free one', () => {
    const downgrade = async ({ call }: Api) => await messageOf(call('patch', SHOP, plan('free')));

    it('when everything fits', async () => {
      const shop = await api();
      await shop.call('put', SHOP, plan('P20Premium'));
      await shop.call('put', `${SHOP}/jobs/a`, hourly());
      const { status, body } = await shop.call('patch', SHOP, plan('Free'));
      expect([status, propertiesOf(body)['sku']]).toEqual([200, { name: 'Free' }]);
      expect((await shop.call('patch', SHOP, plan('Standard'))).status).toBe(200);
    });

    it('but not when there is a free one already', async () => {
      const shop = await api();
      await shop.call('put', `${GROUP}/free`, plan('Free'));
      await shop.call('put', SHOP, plan('Standard'));
      expect(await downgrade(shop)).toEqual([
        409,
        'Conflict',
        expect.stringMatching(/already has a free job collection/),
      ]);
    });

    it('nor with a job that runs more often than once an hour', async () => {
      const shop = await api();
      await shop.call('put', SHOP, plan('Standard'));
      await shop.call('put', `${SHOP}/jobs/a`, job({ recurrence: { frequency: 'minute', interval: 59 } }));
      expect(await downgrade(shop)).toEqual([
        409,
        'Conflict',
        expect.stringMatching(/'Free': job 'a': .*every 59 minute/),
      ]);
    });

    it('nor with more than five jobs', async () => {
      const shop = await api();
      await shop.call('put', SHOP, plan('Standard'));
      for (let index = 0; index < 6; index++) await shop.call('put', `${SHOP}/jobs/j${index}`, hourly());
      expect(await downgrade(shop)).toEqual([
        409,
        'Conflict',
        expect.stringMatching(/it has 6 jobs, and the plan allows '5'/),
      ]);
    });

    it('nor with a job that authenticates', async () => {
      expect(await downgrade(await shopWithSecret())).toEqual([
        409,
        'Conflict',
        expect.stringMatching(/'Free': job 'a': .*'authentication'/),
      ]);
    });
  });

  it('keep their jobs when a quota of fewer is set, and those may still be written', async () => {
    const { call } = await api();
    await call('put', SHOP, plan('Standard'));
    for (const name of ['a', 'b']) await call('put', `${SHOP}/jobs/${name}`, hourly());
    expect((await call('patch', SHOP, { properties: { quota: { maxJobCount: 1 } } })).status).toBe(200);
    expect((await call('patch', `${SHOP}/jobs/a`, { properties: { state: 'disabled' } })).status).toBe(200);
    expect((await call('put', `${SHOP}/jobs/c`, hourly())).status).toBe(409);
  });

  it('let no quota be set that a job of the collection is too frequent for', async () => {
    const { call } = await api();
    await call('put', SHOP, plan('Standard'));
    await call('put', `${SHOP}/jobs/a`, hourly());
    const every = (frequency: string, interval: number) =>
      call('patch', SHOP, { properties: { quota: { maxRecurrence: { frequency, interval } } } });
    expect((await every('minute', 60)).status).toBe(200);
    expect(await messageOf(every('hour', 2))).toEqual([
      409,
      'Conflict',
      expect.stringMatching(/cannot be given this quota: job 'a': .*every 1 hour, .*every 2 hour\.$/),
    ]);
    expect((await every('minute', 5)).status).toBe(200);
  });

  it('may be set otherwise than documented', async () => {
    const plans = plansOf({ Free: { jobs: 7, every: { frequency: 'minute', interval: 1 } }, collections: 2 });
    expect(plans.of.Free).toMatchObject({ jobs: 7, collections: 1, authentication: false });
    const { call } = apiOf((await runningScheduler({ plans })).url);
    for (const name of ['a', 'b']) expect((await call('put', `${GROUP}/${name}`, {})).status).toBe(201);
    expect(await messageOf(call('put', `${GROUP}/c`, {}))).toEqual([
      409,
      'Conflict',
      expect.stringMatching(/quota of '2' job collections/),
    ]);
  });

  it('are what a subscription would be billed for', async () => {
    const { call } = await api();
    for (let index = 0; index < 11; index++) await call('put', `${GROUP}/s${index}`, plan('Standard'));
    await call('put', `${GROUP}/p`, plan('P10Premium'));
    await call('put', `${GROUP}/f`, plan('Free'));
    const { body } = await call('get', '/forewarn/v1/subscriptions/SUB1/billing');
    expect(body['plans']).toEqual([
      { plan: 'Free', collections: 1, units: 0 },
      { plan: 'Standard', collections: 11, units: 2 },
      { plan: 'P10Premium', collections: 1, units: 1 },
      { plan: 'P20Premium', collections: 0, units: 0 },
    ]);
  });

  it('have the names of their time in the version of 2014', async () => {
    const { call } = await api();
    const old = { 'api-version': '2014-08-01-preview' };
    const created = await call('put', SHOP, plan('Premium'), old);
    expect(propertiesOf(created.body)['sku']).toEqual({ name: 'Premium' });
    expect(propertiesOf((await call('get', SHOP)).body)['sku']).toEqual({ name: 'P10Premium' });
  });
});

describe('jobs that are over', () => {
  it('are kept until the time is up, with those that go on', async () => {
    const store = await memoryStore();
    const over = await givenJob(store, 0);
    await store.jobs.changeJob(JOB, () => ({
      ...over,
      state: 'completed',
      nextAtMs: undefined,
      lastExecutionAtMs: 1000,
    }));
    const live = { ...JOB, job: 'Live' };
    const going = await givenJob(store, 0, { ref: live });
    await store.jobs.changeJob(live, () => ({ ...going, lastExecutionAtMs: 1000 }));
    await store.jobs.prune(1000);
    expect(await store.jobs.findJob(JOB)).toBeDefined();
    await store.jobs.prune(1001);
    expect(await store.jobs.findJob(JOB)).toBeUndefined();
    expect(await store.jobs.findJob(live)).toBeDefined();
  });

  it('are forgotten too when they never ran, by when their last occurrence was to be', async () => {
    const store = await memoryStore();
    const never = await givenJob(store, 1000);
    await store.jobs.changeJob(JOB, () => ({ ...never, state: 'completed', nextAtMs: undefined }));
    const missed = { status: 'postponed', reason: 'Missed', startedAtMs: undefined } as const;
    await store.executions.add(execution(never, { ...missed, runAtMs: 5000, endedAtMs: 9000 }));
    await store.jobs.prune(5000);
    expect(await store.jobs.findJob(JOB)).toBeDefined();
    await store.jobs.prune(5001);
    expect(await store.jobs.findJob(JOB)).toBeUndefined();
  });
});

/** A shop with a job that authenticates, of a scheduler that has a key. */
async function shopWithSecret(): Promise<Api> {
  const file = path.join(temporaryFolder(), 'keys');
  writeFileSync(file, formatKeys([newKey()]), { mode: 0o600 });
  const shop = apiOf((await runningScheduler({ keyFile: { file, setting: 'secrets.keyFile' } })).url);
  await shop.call('put', SHOP, plan('Standard'));
  const authentication = { type: 'Basic', username: 'a', password: 'b' };
  const request = { uri: 'https://a.example/', method: 'GET', authentication };
  expect((await shop.call('put', `${SHOP}/jobs/a`, job({ action: http({ request }) }))).status).toBe(201);
  return shop;
}
