import { describe, expect, it } from 'vitest';
import { api, GROUP, http, job, LATER, SHOP, withShop } from '../../support/scheduler-api.ts';
import { runningScheduler } from '../../support/running-scheduler.ts';
import { violationsOf } from '../../support/published-definition.ts';

const MANAGER = { 'api-version': '2016-02-01' };

describe('what the PowerShell cmdlets ask first', () => {
  it('is where the provider is, and which versions it has', async () => {
    const { call } = await api();
    const { status, body } = await call('get', '/subscriptions/S/providers/Microsoft.Scheduler', undefined, MANAGER);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      namespace: 'Microsoft.Scheduler',
      registrationState: 'Registered',
      resourceTypes: expect.arrayContaining([
        expect.objectContaining({
          resourceType: 'jobcollections',
          locations: expect.arrayContaining(['West US', 'North Europe']) as unknown,
          apiVersions: ['2016-03-01', '2016-01-01', '2014-08-01-preview'],
        }),
      ]) as unknown,
    });
    expect((await call('post', '/subscriptions/S/providers/microsoft.scheduler/register', {}, MANAGER)).status).toBe(
      200,
    );
  });

  it('is whether the resource group is there, and to make it', async () => {
    const { call } = await api();
    const group = '/subscriptions/S/resourcegroups/G';
    expect((await call('head', group, undefined, MANAGER)).status).toBe(204);
    const created = await call('put', group, { location: 'westus', tags: { a: 'b' } }, MANAGER);
    expect([created.status, created.body['name']]).toEqual([201, 'G']);
    expect((await call('get', group, undefined, MANAGER)).status).toBe(200);
    expect((await call('get', group, undefined, {})).status).toBe(400);
  });
});

describe('an answer', () => {
  it('has the ids by which a request is found again', async () => {
    const { url } = await runningScheduler();
    const own = '0a0b0c0d-1111-2222-3333-444455556666';
    const { headers } = await fetch(`${url}${GROUP}?api-version=2016-03-01`, {
      headers: {
        'x-ms-correlation-request-id': own,
        'x-ms-client-request-id': own,
        'x-ms-return-client-request-id': 'true',
      },
    });
    expect(headers.get('x-ms-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get('x-ms-correlation-request-id')).toBe(own);
    expect(headers.get('x-ms-client-request-id')).toBe(own);
    expect(headers.get('x-ms-routing-request-id')).toMatch(/^LOCAL:\d{8}T\d{6}Z:[0-9a-f-]{36}$/);
  });

  it('is as the published definition says: collections, jobs of every kind of calendar, lists and history', async () => {
    const { call } = await withShop();
    const full = {
      location: 'westus',
      tags: { a: 'b' },
      properties: {
        sku: { name: 'Standard' },
        quota: { maxJobCount: 20, maxJobOccurrence: 9, maxRecurrence: { frequency: 'Minute', interval: 1 } },
      },
    };
    expect(violationsOf('JobCollectionDefinition', (await call('put', SHOP, full)).body)).toEqual([]);
    expect(violationsOf('JobCollectionListResult', (await call('get', GROUP)).body)).toEqual([]);
    const schedules: readonly object[] = [
      { frequency: 'minute' },
      { frequency: 'Week', interval: 2, count: 9, schedule: { weekDays: ['Monday'], hours: [1], minutes: [2] } },
      { frequency: 'month', endTime: '2027-12-01', schedule: { monthDays: [1, -1] } },
      { frequency: 'month', schedule: { monthlyOccurrences: [{ day: 'Friday', occurrence: -1 }, { day: 'Monday' }] } },
      { frequency: 'day', timeZone: 'Europe/Berlin', clockChanges: { gap: 'skip' }, excludedDates: ['2027-03-01'] },
    ];
    for (const [index, recurrence] of schedules.entries()) {
      const properties = {
        recurrence,
        action: http({
          errorAction: http(),
          retryPolicy: { retryType: 'Fixed', retryInterval: 'PT1M', retryCount: 3 },
        }),
        runs: { missed: 'all' },
      };
      const answer = await call('put', `${SHOP}/jobs/j${index}`, job(properties));
      expect(answer.status).toBe(201);
      expect(violationsOf('JobDefinition', answer.body)).toEqual([]);
    }
    await call('put', `${SHOP}/jobs/off`, job({ state: 'Disabled' }));
    await call('put', `${SHOP}/jobs/now`, job({ startTime: undefined }));
    expect(violationsOf('JobListResult', (await call('get', `${SHOP}/jobs`)).body)).toEqual([]);
    const history = await historyOf(call);
    expect(history['value']).not.toEqual([]);
    expect(violationsOf('JobHistoryListResult', history)).toEqual([]);
  });

  it('that is not as the definition says is found by this test', () => {
    expect(violationsOf('JobDefinition', { properties: { state: 'paused' } })).not.toEqual([]);
    expect(violationsOf('JobDefinition', { properties: { startTime: 'soon' } })).not.toEqual([]);
    expect(violationsOf('JobDefinition', { properties: { stat: 'enabled' } })).not.toEqual([]);
    expect(violationsOf('JobDefinition', { properties: { startTime: LATER } })).toEqual([]);
  });
});

async function historyOf(call: Awaited<ReturnType<typeof api>>['call']): Promise<Record<string, unknown>> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const { body } = await call('get', `${SHOP}/jobs/now/history`);
    if ((body['value'] as unknown[]).length > 0 || performance.now() > deadline) return body;
  }
}

describe('a job collection', () => {
  it('is where Azure calls it, whichever way it was written', async () => {
    const { call } = await api();
    for (const [sent, shown] of [
      ['westus', 'West US'],
      ['West Europe', 'West Europe'],
      ['my cellar', 'my cellar'],
    ]) {
      expect((await call('put', SHOP, { location: sent })).body['location']).toBe(shown);
    }
  });

  it('takes a job without a name, and gives it one', async () => {
    const { call } = await withShop();
    const { status, body } = await call('post', `${SHOP}/jobs`, job());
    expect(status).toBe(201);
    const name = String(body['name']).replace('Shop/', '');
    expect((await call('get', `${SHOP}/jobs/${name}`)).status).toBe(200);
  });

  it('with more jobs than one answer holds says where the list goes on', async () => {
    const { call } = await api();
    await call('put', SHOP, { properties: { sku: { name: 'P20Premium' } } });
    const names = Array.from({ length: 501 }, (_n, index) => `j${String(index).padStart(3, '0')}`);
    await Promise.all(names.map(async (name) => await call('put', `${SHOP}/jobs/${name}`, job())));
    const first = (await call('get', `${SHOP}/jobs`)).body;
    expect((first['value'] as unknown[]).length).toBe(500);
    const rest = (await (await fetch(String(first['nextLink']))).json()) as { value: unknown[]; nextLink: null };
    expect(rest).toMatchObject({ value: [{ name: 'Shop/j500' }], nextLink: null });
    const asked = await call('get', `${SHOP}/jobs`, undefined, { 'api-version': '2016-03-01', $top: '3', $skip: '2' });
    expect(asked.body).toMatchObject({ value: [{ name: 'Shop/j002' }, {}, {}], nextLink: null });
  });
});
