import { beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../scheduler/store/store.ts';
import { storeOfTest, storeAdapters } from '../support/store-adapters.ts';
import { COLLECTION, execution, givenJob, JOB } from '../support/scheduler-store.ts';

const NOW = Date.now() - 10_000;

describe.each(storeAdapters)('the jobs of a collection in $name', (adapter) => {
  let store: Store;

  beforeEach(async () => {
    ({ store } = await storeOfTest(adapter));
  });

  it('are counted while there is something to be done for them, and only in enabled collections', async () => {
    const job = await givenJob(store, store.clock.now() - 1000);
    await givenJob(store, store.clock.now() + 60_000, { ref: { job: 'later' } });
    const now = store.clock.now();
    const unfinished = { jobsDue: 1, waiting: 1, due: 1, queued: 1, running: 0 };
    await store.executions.add(execution(job, { id: 'a', status: 'pending', runAtMs: now - 1000 }));
    await store.executions.add(execution(job, { id: 'b', status: 'pending', runAtMs: now + 60_000 }));
    await store.executions.add(execution(job, { id: 'c', status: 'queued' }));
    expect(await store.backlog()).toEqual(unfinished);
    await store.jobs.changeCollection(JOB, (current) => current && { ...current, state: 'Disabled' });
    expect(await store.backlog()).toEqual({ ...unfinished, jobsDue: 0 });
  });

  it('are judged by the collection as it is when they are written, or by its absence', async () => {
    const seen: unknown[] = [];
    const look = async () =>
      await store.jobs.changeJob({ ...JOB, job: 'looks' }, (_current, _siblings, collection) => {
        seen.push(collection?.sku);
        return undefined;
      });
    await store.jobs.deleteCollection(JOB);
    await look();
    await store.jobs.changeCollection(JOB, () => ({ ...COLLECTION, sku: 'P10Premium' }));
    await look();
    expect(seen).toEqual([undefined, 'P10Premium']);
  });

  it('are listed by page and by state', async () => {
    for (const job of ['b', 'a10', 'C', 'a9']) await givenJob(store, NOW, { ref: { job } });
    const asleep = await givenJob(store, NOW, { ref: { job: 'a1' } });
    await store.jobs.changeJob({ ...JOB, job: 'a1' }, () => ({ ...asleep, state: 'disabled', nextAtMs: undefined }));
    const page = async (skip: number, top: number, state?: 'enabled' | 'disabled') =>
      (await store.jobs.listJobs(JOB, { skip, top, state })).map((job) => job.job);
    expect(await page(1, 2)).toEqual(['a1', 'a10']);
    expect(await page(1, 2, 'enabled')).toEqual(['a10', 'a9']);
    expect(await page(0, 10, 'disabled')).toEqual(['a1']);
    expect(await page(5, 10)).toEqual([]);
  });
});
