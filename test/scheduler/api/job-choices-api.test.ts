import { expect, it } from 'vitest';
import { eventually } from '../../support/running-scheduler.ts';
import { http, job, propertiesOf, SHOP, withShop, type Body } from '../../support/scheduler-api.ts';

it("a job's choices come back as the service spells them, and PATCH changes one of them", async () => {
  const { call } = await withShop();
  const created = await call(
    'put',
    `${SHOP}/jobs/a`,
    job({ runs: { missed: 'ALL', overlap: 'Queue', window: 'PT90M' } }),
  );
  expect(propertiesOf(created.body)['runs']).toEqual({ missed: 'all', overlap: 'queue', window: '01:30:00' });
  const patched = await call('patch', `${SHOP}/jobs/a`, { properties: { runs: { missed: 'skip' } } });
  expect(propertiesOf(patched.body)['runs']).toEqual({ missed: 'skip', overlap: 'queue', window: '01:30:00' });
});

it('an error action is performed once the action has failed for good, and is in the history as such', async () => {
  const { call } = await withShop();
  const action = http({ errorAction: http() });
  await call('put', `${SHOP}/jobs/a`, { properties: { action } });
  const entries = await eventually(
    async () => (await call('get', `${SHOP}/jobs/a/history`)).body['value'] as Body[],
    (value) => value.length === 2,
  );
  expect(entries.map((entry) => propertiesOf(entry)['actionName'])).toEqual(['ErrorAction', 'MainAction']);
  const { body } = await call('get', `${SHOP}/jobs/a`);
  expect(propertiesOf(body)).toMatchObject({ state: 'faulted', status: { executionCount: 1, faultedCount: 1 } });
});
