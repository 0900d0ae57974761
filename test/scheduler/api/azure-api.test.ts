import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { runningScheduler } from '../../support/running-scheduler.ts';
import { api, errorOf, GROUP, type Body, propertiesOf, SHOP, VERSION, withShop } from '../../support/scheduler-api.ts';

describe('every request', () => {
  it('needs an api-version, and one that exists', async () => {
    const { call } = await api();
    const without = await call('get', GROUP, undefined, {});
    expect([without.status, errorOf(without.body).code]).toEqual([400, 'MissingApiVersionParameter']);
    const unknown = await call('get', GROUP, undefined, { 'api-version': '2015-01-01' });
    expect([unknown.status, errorOf(unknown.body).code]).toEqual([400, 'InvalidApiVersionParameter']);
    for (const version of ['2016-03-01', '2016-01-01', '2014-08-01-preview']) {
      expect((await call('get', GROUP, undefined, { 'api-version': version })).status).toBe(200);
    }
  });

  it('is answered with a request id and must not be cached', async () => {
    const { headers } = await (await api()).call('get', GROUP);
    expect(headers['x-ms-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers['cache-control']).toBe('no-cache');
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('from a page of another site, or under a foreign host name, is refused', async () => {
    const { url } = await runningScheduler();
    await request(url).get(GROUP).query(VERSION).set('Host', 'evil.example').expect(403);
    await request(url).post(`${SHOP}/enable`).query(VERSION).set('Origin', 'http://evil.example').expect(403);
    await request(url).get('/forewarn/v1/health').set('Sec-Fetch-Site', 'cross-site').expect(403);
  });

  it('that is no JSON, is too large or leads nowhere is refused as Azure does', async () => {
    const { url } = await runningScheduler();
    const broken = await request(url).put(SHOP).query(VERSION).set('Content-Type', 'application/json').send('{"a":');
    expect([broken.status, errorOf(broken.body as Body).code]).toEqual([400, 'InvalidRequestContent']);
    const large = await request(url)
      .put(SHOP)
      .query(VERSION)
      .send({ location: 'x'.repeat(70_000) });
    expect(large.status).toBe(413);
    const nowhere = await request(url).get('/nowhere');
    expect([nowhere.status, errorOf(nowhere.body as Body).code]).toEqual([404, 'NotFound']);
    await request(url).get(`${GROUP}/%E0%A4%A`).query(VERSION).expect(400);
  });
});

describe('job collections', () => {
  it('are created and replaced with 201, and found in any case under their first spelling', async () => {
    const { call } = await api();
    const body = {
      location: 'West US',
      tags: { team: 'shop' },
      properties: {
        sku: { name: 'p10premium' },
        quota: { maxJobCount: 10, maxRecurrence: { frequency: 'Minute', interval: 5 } },
      },
    };
    const created = await call('put', SHOP, body);
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      id: SHOP,
      type: 'Microsoft.Scheduler/jobCollections',
      name: 'Shop',
      location: 'West US',
      tags: { team: 'shop' },
      properties: {
        sku: { name: 'P10Premium' },
        state: 'Enabled',
        quota: { maxJobCount: 10, maxRecurrence: { frequency: 'minute', interval: 5 } },
      },
    });
    const found = await call('get', SHOP.toLowerCase());
    expect([found.status, found.body]).toEqual([200, created.body]);
    const replaced = await call('put', SHOP.toUpperCase(), { location: 'local' });
    expect(replaced.status).toBe(201);
    // Replaced means: tags and quota are gone.
    expect(replaced.body).toEqual({
      id: SHOP,
      type: 'Microsoft.Scheduler/jobCollections',
      name: 'Shop',
      location: 'local',
      properties: { sku: { name: 'Standard' }, state: 'Enabled' },
    });
  });

  it('are listed with a null nextLink, per group and per subscription', async () => {
    const { call } = await withShop();
    for (const path of [GROUP, '/subscriptions/sub1/providers/Microsoft.Scheduler/jobCollections']) {
      const { body } = await call('get', path);
      expect(body).toMatchObject({ value: [{ name: 'Shop' }], nextLink: null });
    }
    expect((await call('get', GROUP.replace('Group1', 'other'))).body).toEqual({ value: [], nextLink: null });
  });

  it('are merged by PATCH, and enabled and disabled', async () => {
    const { call } = await withShop();
    await call('patch', SHOP, { tags: { a: '1' } });
    const patched = await call('patch', SHOP, { tags: { b: '2' } });
    expect(patched.body).toMatchObject({ tags: { a: '1', b: '2' }, location: 'West US' });
    expect((await call('post', `${SHOP}/disable`)).status).toBe(200);
    expect(propertiesOf((await call('get', SHOP)).body)['state']).toBe('Disabled');
    await call('post', `${SHOP}/enable`);
    expect(propertiesOf((await call('get', SHOP)).body)['state']).toBe('Enabled');
  });

  it('that do not exist are 404 in the words of the gateway', async () => {
    const { call } = await api();
    const expected = {
      error: {
        code: 'ResourceNotFound',
        message: "The Resource 'Microsoft.Scheduler/jobcollections/Shop' under resource group 'Group1' was not found.",
      },
    };
    for (const [method, path] of [
      ['get', SHOP],
      ['delete', SHOP],
      ['patch', SHOP],
      ['post', `${SHOP}/enable`],
      ['get', `${SHOP}/jobs`],
      ['put', `${SHOP}/jobs/a`],
      ['get', `${SHOP}/jobs/a/history`],
    ] as const) {
      const answer = await call(method, path, method === 'get' ? undefined : {});
      expect([path, answer.status, answer.body]).toEqual([path, 404, expected]);
      expect(answer.headers['x-ms-failure-cause']).toBe('gateway');
    }
  });

  it.each([
    [{ properties: { sku: { name: 'Gold' } } }, /'properties.sku.name' is not valid: expected one of Free, Standard/],
    [
      { properties: { sku: { name: 'Free' }, quota: { maxJobCount: 6 } } },
      /cannot be set higher than '5' for free subscriptions\('6' was provided\)/,
    ],
    [{ properties: { quota: { maxJobCount: 51 } } }, /cannot be set higher then '50' \('51' was provided\)/],
    [
      { properties: { sku: { name: 'Free' }, quota: { maxRecurrence: { frequency: 'minute', interval: 5 } } } },
      /exceeds the permissible limit for Free collections '1 hour'/,
    ],
    [{ property: {} }, /'property' in the body is not known/],
  ])('refuse %j', async (body, message) => {
    const { call } = await api();
    const answer = await call('put', SHOP, body);
    expect(answer.status).toBe(400);
    expect(errorOf(answer.body)).toMatchObject({
      code: 'BadRequest',
      message: expect.stringMatching(message) as string,
    });
  });
});
