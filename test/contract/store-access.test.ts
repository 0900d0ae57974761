import { describe, expect, it } from 'vitest';
import type { JobCollection } from '../../scheduler/jobs/job.ts';
import type { CollectionJudge, Store } from '../../scheduler/store/store.ts';
import { COLLECTION, givenJob } from '../support/scheduler-store.ts';
import { storeAdapters, storeOfTest } from '../support/store-adapters.ts';

const ANN = { name: 'Ann', grants: [{ role: 'reader', scope: '/' }], createdAtMs: 1 } as const;
const TOKEN = { id: 't1', user: 'ANN', createdAtMs: 2, expiresAtMs: 3 };

describe.each(storeAdapters)('users in $name', (adapter) => {
  it('are found in any case by name, and by the hash of a token', async () => {
    const given = await storeOfTest(adapter);
    const { store } = given;
    expect(await store.access.putUser(ANN)).toBe(true);
    expect(await store.access.addToken('hash', TOKEN)).toBe(true);
    const again = (await given.reopened()).access;
    expect(await again.users()).toEqual([ANN]);
    expect(await again.tokens('ann')).toEqual([{ ...TOKEN, user: 'ann' }]);
    expect(await again.find('hash')).toEqual({ token: { ...TOKEN, user: 'Ann' }, user: ANN });
    expect(await again.find('other')).toBeUndefined();
  });

  it('keep their tokens when their grants change, and lose them when they go', async () => {
    const { access } = (await storeOfTest(adapter)).store;
    await access.putUser(ANN);
    await access.addToken('one', TOKEN);
    await access.addToken('two', { ...TOKEN, id: 't2', expiresAtMs: undefined });
    expect(await access.putUser({ ...ANN, name: 'ann', grants: [], createdAtMs: 9 })).toBe(false);
    expect((await access.find('one'))?.user).toEqual({ ...ANN, grants: [] });
    expect(await access.deleteToken('ann', 't1')).toBe(true);
    expect(await access.deleteToken('ann', 't1')).toBe(false);
    expect(await access.find('one')).toBeUndefined();
    expect(await access.deleteUser('ANN')).toBe(true);
    expect(await access.find('two')).toBeUndefined();
    expect(await access.deleteUser('ANN')).toBe(false);
    expect(await access.addToken('three', TOKEN)).toBe(false);
  });
});

const judge = (decide: CollectionJudge['judge']): CollectionJudge => ({
  asksForCounts: () => true,
  asksForJobs: () => true,
  judge: decide,
});

describe.each(storeAdapters)('the plans of a subscription in $name', (adapter) => {
  const collection = (change: Partial<JobCollection>): JobCollection => ({ ...COLLECTION, ...change });
  const put = async (store: Store, wanted: JobCollection) =>
    await store.jobs.changeCollection(
      wanted,
      () => wanted,
      judge((_current, _wanted, { counts }) => {
        if (counts.Free > 0) throw new Error('one is enough');
      }),
    );

  it('are counted for that one alone, whatever others are called', async () => {
    const { store } = await storeOfTest(adapter);
    for (const subscription of ['Sub', 'SUB', 'sub0', 'su', 'sub-', 'sub_', '%']) {
      await put(store, collection({ subscription, collection: subscription, sku: 'Standard' }));
    }
    expect(await store.jobs.countPlans('sub')).toEqual({ Free: 0, Standard: 1, P10Premium: 0, P20Premium: 0 });
  });

  it('are judged one after the other: of many free collections written at once one is created', async () => {
    const { store } = await storeOfTest(adapter);
    const names = Array.from({ length: 8 }, (_n, index) => `c${index}`);
    const results = await Promise.allSettled(
      names.map(async (name) => await put(store, collection({ collection: name, sku: 'Free' }))),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    expect((await store.jobs.countPlans('Sub')).Free).toBe(1);
  });

  it('do not count the collection itself, whose jobs are told', async () => {
    const { store } = await storeOfTest(adapter);
    const one = collection({ sku: 'Free' });
    await put(store, one);
    await givenJob(store, 1000, { ref: one });
    const seen: unknown[] = [];
    const look = judge((_current, _wanted, { counts, jobs }) => {
      seen.push([counts.Free, jobs.length]);
    });
    await store.jobs.changeCollection(one, (current) => current, look);
    await store.jobs.changeCollection(one, (current) => current, { ...look, asksForJobs: () => false });
    expect(seen).toEqual([
      [0, 1],
      [0, 0],
    ]);
  });

  it('are read for whoever asks, and a refusal leaves the collection as it was', async () => {
    const { store } = await storeOfTest(adapter);
    await put(store, collection({ sku: 'Free', collection: 'other' }));
    const wanted = collection({ sku: 'Free' });
    const refuse = judge((_current, _wanted, { counts }) => {
      throw new Error(`${counts.Free} already`);
    });
    await expect(store.jobs.changeCollection(wanted, () => wanted, refuse)).rejects.toThrow('1 already');
    const unasked = { ...refuse, asksForCounts: () => false };
    await expect(store.jobs.changeCollection(wanted, () => wanted, unasked)).rejects.toThrow('0 already');
    expect(await store.jobs.findCollection(wanted)).toBeUndefined();
  });
});
