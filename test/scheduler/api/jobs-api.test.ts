import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/running-scheduler.ts';
import {
  api,
  errorOf,
  http,
  type Body,
  job,
  LATER,
  propertiesOf,
  SHOP,
  VERSION,
  withShop,
} from '../../support/scheduler-api.ts';

describe('jobs', () => {
  it('are created with 201, replaced with 200, and shown in the recorded shape', async () => {
    const { call } = await withShop();
    const body = job({
      action: {
        type: 'HTTP',
        request: {
          uri: 'http://127.0.0.1:1/%2d',
          method: 'get',
          headers: { 'ConTent-tYPe': 'text/plain' },
          body: 'hi',
        },
        retryPolicy: { retryType: 'Fixed', retryInterval: 'PT1M', retryCount: 3 },
      },
      recurrence: { frequency: 'Week', count: 10, endTime: '2027-12-31T00:00:16.9049999999999999Z' },
    });
    const created = await call('put', `${SHOP}/jobs/Nightly`, body);
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      id: `${SHOP}/jobs/Nightly`,
      type: 'Microsoft.Scheduler/jobCollections/jobs',
      name: 'Shop/Nightly',
      properties: {
        startTime: LATER,
        action: {
          type: 'Http',
          request: {
            uri: 'http://127.0.0.1:1/%2d',
            method: 'get',
            headers: { 'ConTent-tYPe': 'text/plain' },
            body: 'hi',
          },
          retryPolicy: { retryType: 'fixed', retryInterval: '00:01:00', retryCount: 3 },
        },
        recurrence: { frequency: 'week', interval: 1, count: 10, endTime: '2027-12-31T00:00:16.905Z' },
        state: 'enabled',
        // To the tick, as the real service.
        status: { executionCount: 0, failureCount: 0, faultedCount: 0, nextExecutionTime: LATER },
      },
    });
    const again = await call('put', `${SHOP.toLowerCase()}/jobs/nightly`, created.body);
    expect([again.status, again.body]).toEqual([200, created.body]);
    expect((await call('get', `${SHOP}/jobs/NIGHTLY`)).body).toEqual(created.body);
  });

  it('are listed by name, by page and by state', async () => {
    const { call } = await withShop();
    for (const name of ['b', 'a', 'c'])
      await call('put', `${SHOP}/jobs/${name}`, job(name === 'c' ? { state: 'Disabled' } : {}));
    const names = async (query: Record<string, string>): Promise<string[]> =>
      (
        (await call('get', `${SHOP}/jobs`, undefined, { ...VERSION, ...query })).body['value'] as { name: string }[]
      ).map(({ name }) => name);
    expect(await names({})).toEqual(['Shop/a', 'Shop/b', 'Shop/c']);
    expect(await names({ $top: '1', $skip: '1' })).toEqual(['Shop/b']);
    expect(await names({ $filter: 'state eq Disabled' })).toEqual(['Shop/c']);
    expect(await names({ $filter: "STATE EQ 'enabled'" })).toEqual(['Shop/a', 'Shop/b']);
    for (const query of [
      { $top: '0' },
      { $top: '101' },
      { $top: 'x' },
      { $skip: '-1' },
      { $filter: 'state = 1' },
      { $filter: 'name eq a' },
    ] as Record<string, string>[]) {
      expect((await call('get', `${SHOP}/jobs`, undefined, { ...VERSION, ...query })).status).toBe(400);
    }
  });

  it('are merged deeply by PATCH, and null removes', async () => {
    const { call } = await withShop();
    const path = `${SHOP}/jobs/a`;
    await call('put', path, job({ recurrence: { frequency: 'week', count: 100, endTime: '2027-12-31T00:00:00Z' } }));
    const merged = await call('patch', path, { properties: { recurrence: { frequency: 'Day' } } });
    expect(merged.status).toBe(200);
    expect(propertiesOf(merged.body)['recurrence']).toEqual({
      frequency: 'day',
      interval: 1,
      count: 100,
      endTime: '2027-12-31T00:00:00Z',
    });
    const removed = await call('patch', path, { properties: { recurrence: null } });
    expect(propertiesOf(removed.body)['recurrence']).toBeUndefined();
    const disabled = await call('patch', path, { properties: { state: 'Disabled' } });
    expect(propertiesOf(disabled.body)).not.toHaveProperty('status');
    expect((await call('patch', `${SHOP}/jobs/none`, {})).body).toEqual({
      error: { code: 'NotFound', message: "Job 'none' cannot be found." },
    });
  });

  it('are deleted, and are 404 afterwards', async () => {
    const { call } = await withShop();
    await call('put', `${SHOP}/jobs/a`, job());
    expect((await call('delete', `${SHOP}/jobs/a`)).status).toBe(200);
    for (const [method, path] of [
      ['get', 'a'],
      ['delete', 'a'],
      ['post', 'a/run'],
      ['get', 'a/history'],
    ] as const) {
      const answer = await call(method, `${SHOP}/jobs/${path}`);
      expect([answer.status, answer.body]).toEqual([
        404,
        { error: { code: 'NotFound', message: "Job 'a' cannot be found." } },
      ]);
    }
  });

  it('run by hand leave history in the recorded shape, and a completed job is final', async () => {
    const { call } = await withShop();
    const path = `${SHOP}/jobs/a`;
    await call('put', path, job());
    expect((await call('post', `${path}/run`)).status).toBe(200);
    const history = async (filter?: string): Promise<Body[]> =>
      (await call('get', `${path}/history`, undefined, { ...VERSION, ...(filter && { $filter: filter }) })).body[
        'value'
      ] as Body[];
    const [entry] = await eventually(history, (entries) => entries.length === 1);
    expect(entry).toMatchObject({
      id: expect.stringMatching(/\/jobs\/a\/history\/\d{20}:\d{20}$/) as string,
      type: 'Microsoft.Scheduler/jobCollections/jobs/history',
      name: expect.stringMatching(/^Shop\/a\/\d{20}:\d{20}$/) as string,
      properties: {
        actionName: 'MainAction',
        status: 'failed',
        retryCount: 0,
        message:
          "Http Action - Request to host '127.0.0.1' failed: ConnectFailure Unable to connect to the remote server",
      },
    });
    expect(await history('status eq completed')).toEqual([]);
    expect(await history("status eq 'Failed'")).toHaveLength(1);
    expect(await history('status eq Postponed')).toEqual([]);

    await call('put', path, { properties: { action: http() } });
    await eventually(
      async () => (await call('get', path)).body,
      (body) => propertiesOf(body)['state'] === 'faulted',
    );
    for (const method of ['put', 'patch'] as const) {
      const answer = await call(method, path, job());
      expect([answer.status, errorOf(answer.body).message]).toEqual([
        409,
        "Job 'a' is faulted, which is final; delete it to write it anew.",
      ]);
    }
  });

  it('beyond the quota of their collection are a conflict', async () => {
    const { call } = await api();
    await call('put', SHOP, { properties: { sku: { name: 'Free' }, quota: { maxJobCount: 1 } } });
    await call('put', `${SHOP}/jobs/a`, job());
    expect((await call('put', `${SHOP}/jobs/a`, job())).status).toBe(200);
    const second = await call('put', `${SHOP}/jobs/b`, job());
    expect([second.status, errorOf(second.body)]).toEqual([
      409,
      {
        code: 'Conflict',
        message: "The job collection has reached its quota of '1'. Please remove existing jobs before adding new ones.",
      },
    ]);
    const often = await call('put', `${SHOP}/jobs/a`, job({ recurrence: { frequency: 'minute', interval: 59 } }));
    expect([often.status, errorOf(often.body).message]).toEqual([
      409,
      'The recurrence of the job, every 59 minute, is more frequent than its job collection allows: every 1 hour.',
    ]);
    expect(
      (await call('put', `${SHOP}/jobs/a`, job({ recurrence: { frequency: 'minute', interval: 60 } }))).status,
    ).toBe(200);
  });
});
