import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../common/runtime/log.ts';
import { systemRandom } from '../../../common/runtime/random.ts';
import { LOCAL } from '../../../scheduler/access/access.ts';
import { createApp } from '../../../scheduler/api/app.ts';
import type { ApiParts } from '../../../scheduler/api/parts.ts';
import type { Store } from '../../../scheduler/store/store.ts';
import { errorOf, job, SHOP, VERSION, type Body } from '../../support/scheduler-api.ts';
import { COLLECTION, givenJob, memoryStore } from '../../support/scheduler-store.ts';

const REF = { subscription: 'Sub1', resourceGroup: 'Group1', collection: 'Shop' };

/** The API over `store`, of which only the parts that jobs need are there. */
function appOver(store: Store) {
  const parts: Partial<ApiParts> = {
    store,
    clock: store.clock,
    random: systemRandom,
    log: silentLog,
    engine: {
      wake: () => {},
      runNow: async (one) => {
        await store.jobs.deleteJob(one);
        throw new Error('FOREIGN KEY constraint failed');
      },
    },
    access: { judge: async () => await Promise.resolve({ kind: 'allowed', principal: LOCAL }) } as never,
    listening: () => ({ host: '127.0.0.1', port: 80 }),
    hosts: new Set(['127.0.0.1']),
  };
  return createApp(parts as ApiParts);
}

async function ask(store: Store, method: 'put' | 'patch' | 'post', path: string, body: object) {
  const answer = await request(appOver(store))[method](path).query(VERSION).set('Host', '127.0.0.1').send(body);
  return [answer.status, errorOf(answer.body as Body)?.code];
}

/** A store in which somebody changes the collection right after it was looked up. */
async function overtaken(change: (store: Store) => Promise<unknown>): Promise<Store> {
  const store = await memoryStore();
  await store.jobs.changeCollection(REF, () => ({ ...COLLECTION, ...REF }));
  await givenJob(store, store.clock.now(), { ref: { ...REF, job: 'a' } });
  const findCollection: Store['jobs']['findCollection'] = async (ref) => {
    const found = await store.jobs.findCollection(ref);
    await change(store);
    return found;
  };
  return { ...store, jobs: { ...store.jobs, findCollection } };
}

describe('a request that is overtaken', () => {
  it.each([
    ['put', `${SHOP}/jobs/b`, job()],
    ['patch', `${SHOP}/jobs/a`, { properties: { state: 'disabled' } }],
  ] as const)('by the end of its collection is 404 (%s)', async (method, path, body) => {
    const store = await overtaken(async ({ jobs }) => await jobs.deleteCollection(REF));
    expect(await ask(store, method, path, body)).toEqual([404, method === 'put' ? 'ResourceNotFound' : 'NotFound']);
  });

  it('by a quota of its collection is judged by that', async () => {
    const quota = { maxRecurrence: { frequency: 'day', interval: 1 } } as const;
    const store = await overtaken(
      async ({ jobs }) => await jobs.changeCollection(REF, () => ({ ...COLLECTION, ...REF, quota })),
    );
    const often = job({ recurrence: { frequency: 'hour' } });
    expect(await ask(store, 'put', `${SHOP}/jobs/b`, often)).toEqual([409, 'Conflict']);
  });

  it('by the end of its job is 404', async () => {
    const store = await overtaken(async () => await Promise.resolve());
    expect(await ask(store, 'post', `${SHOP}/jobs/a/run`, {})).toEqual([404, 'NotFound']);
  });
});
