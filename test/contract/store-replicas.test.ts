import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { seededRandom, systemRandom } from '../../common/runtime/random.ts';
import { createClaimPlan } from '../../scheduler/engine/plan.ts';
import { openStore } from '../../scheduler/store/open.ts';
import type { StoreSettings } from '../../scheduler/store/settings.ts';
import type { Claim, Store, StoreNews } from '../../scheduler/store/store.ts';
import { createDatabase, query } from '../support/postgres-database.ts';
import { eventually } from '../support/running-scheduler.ts';
import { COLLECTION, execution, givenJob, HTTP_JOB, JOB } from '../support/scheduler-store.ts';
import { storeAdapters, storeOfTest } from '../support/store-adapters.ts';

const NOW = Date.now() - 10_000;
const plan = createClaimPlan(seededRandom(9));
const A = { name: 'a', region: undefined };

async function claim(store: Store, regionsOfOthers: readonly string[] = []): Promise<readonly Claim[]> {
  return (await store.executions.claimDue({ limit: 100, plan, regionsOfOthers })).claims;
}

describe.each(storeAdapters)('a replica on $name', (adapter) => {
  it('is new at its first beat and known at the next, and everybody sees it', async () => {
    const { store } = await storeOfTest(adapter);
    const first = await store.replicas.beat({ name: 'one', region: 'westus' }, 10_000);
    expect(first).toMatchObject({ wasKnown: false, takenOver: 0, live: [{ name: 'one', region: 'westus' }] });
    expect((await store.replicas.beat({ name: 'one', region: 'westus' }, 10_000)).wasKnown).toBe(true);
  });

  it('hands back what it has claimed when it leaves, under the next attempt', async () => {
    const { store } = await storeOfTest(adapter);
    await givenJob(store, NOW);
    await store.replicas.beat(A, 10_000);
    const [first] = await claim(store);
    expect(await claim(store)).toEqual([]);
    await store.replicas.leave();
    const [second] = await claim(store);
    expect(second?.execution).toMatchObject({ id: first?.execution.id, key: first?.execution.key, attempt: 2 });
  });

  it('hands back what it does not perform, and nothing else', async () => {
    const { store } = await storeOfTest(adapter);
    await store.replicas.beat(A, 10_000);
    for (const job of ['one', 'two']) await givenJob(store, NOW, { ref: { job } });
    const claims = await claim(store);
    expect(claims).toHaveLength(2);
    expect(await store.executions.handBack(new Set([claims[0]?.execution.id ?? '']))).toBe(1);
    expect((await claim(store)).map((again) => again.execution.id)).toEqual([claims[1]?.execution.id]);
    expect((await store.replicas.beat(A, 10_000)).takenOver).toBe(0);
  });

  it('leaves the collections of other regions to others', async () => {
    const { store } = await storeOfTest(adapter);
    await store.jobs.changeCollection(JOB, () => ({ ...COLLECTION, location: 'West US' }));
    await givenJob(store, NOW);
    expect(await claim(store, ['westus'])).toEqual([]);
    expect(await store.executions.earliestDue(['westus'])).toBeUndefined();
    expect(await claim(store, ['eastus'])).toHaveLength(1);
  });

  it('learns which executions were ended to make room, and their reports are refused', async () => {
    const { store } = await storeOfTest(adapter);
    const job = await givenJob(store, NOW, { definition: { ...HTTP_JOB, runs: { overlap: 'cancel' } } });
    await store.executions.add(execution(job, { id: 'old' }));
    const claimed = await store.executions.claimDue({ limit: 10, plan, regionsOfOthers: [] });
    expect(claimed.cancelled).toEqual(['old']);
    const late = execution(job, { id: 'old', status: 'completed', endedAtMs: NOW });
    expect(await store.executions.finish(late, [], undefined)).toBe('refused');
    const [entry] = await store.executions.history(job.id, { top: 9, skip: 0, status: 'failed' });
    expect(entry?.execution).toMatchObject({ id: 'old', reason: 'Cancelled' });
  });
});

describe('replicas on one PostgreSQL', () => {
  let settings: StoreSettings;
  const open = async (change: object = {}): Promise<Store> => {
    const store = await openStore(
      { ...settings, ...change },
      { clock: systemClock, random: systemRandom, log: silentLog },
    );
    onTestFinished(async () => {
      await store.close();
    });
    return store;
  };

  beforeEach(async () => {
    const database = await createDatabase();
    settings = { kind: 'postgres', url: database.url, connections: 3, replication: 'none' };
    onTestFinished(async () => {
      await database.drop();
    });
  });

  it('start together on an empty database', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, async () => await open()));
    await givenJob(stores[0] as Store, NOW);
    for (const store of stores) expect(await store.jobs.listJobs(JOB)).toHaveLength(1);
  });

  it('claim each occurrence once between them', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    for (let index = 0; index < 60; index++) await givenJob(stores[0], NOW, { ref: { job: `job${index}` } });
    const claims = await Promise.all(
      Array.from({ length: 12 }, async (_none, index) => await claim(stores[index % 3] as Store)),
    );
    // Rows that another was just taking are skipped, so somebody has to look once more.
    const ids = [...claims.flat(), ...(await claim(stores[0]))].map((taken) => taken.execution.id);
    expect(ids).toHaveLength(60);
    expect(new Set(ids).size).toBe(60);
  });

  it('take over from one that no longer beats, and not from one that does', async () => {
    const [dead, alive] = [await open(), await open()];
    await dead.replicas.beat(A, 500);
    await givenJob(alive, NOW);
    const [first] = await claim(dead);
    expect((await alive.replicas.beat({ ...A, name: 'b' }, 10_000)).takenOver).toBe(0);
    await eventually(
      async () => await alive.replicas.beat({ ...A, name: 'b' }, 10_000),
      ({ takenOver }) => takenOver === 1,
    );
    const [second] = await claim(alive);
    expect(second?.execution).toMatchObject({ id: first?.execution.id, attempt: 2 });
    // The one that was only slow learns it at its next beat, and can end nothing.
    expect((await dead.replicas.beat(A, 500)).wasKnown).toBe(false);
    const late = { ...execution(second?.job ?? (await givenJob(dead, NOW))), ...first?.execution };
    expect(await dead.executions.finish({ ...late, status: 'completed', endedAtMs: NOW }, [], undefined)).toBe(
      'refused',
    );
  });

  it('tell each other what is due, what is cancelled and which agreement has changed, but not themselves', async () => {
    const [here, there] = [await open(), await open()];
    const news: StoreNews[] = [];
    const own: StoreNews[] = [];
    there.subscribe((heard) => news.push(heard));
    await eventually(
      async () => await Promise.resolve(news.length),
      (count) => count > 0,
    );
    here.subscribe((heard) => own.push(heard));
    news.length = 0;
    own.length = 0;
    const job = await givenJob(here, NOW, { definition: { ...HTTP_JOB, runs: { overlap: 'cancel' } } });
    await here.executions.add(execution(job, { id: 'old' }));
    await claim(here);
    await eventually(
      async () => await Promise.resolve(news),
      (heard) => heard.some(({ kind }) => kind === 'cancelled'),
    );
    expect(news).toContainEqual({ kind: 'due' });
    expect(news).toContainEqual({ kind: 'cancelled', ids: ['old'] });
    expect(own).toEqual([]);
  });

  it("go by the database's clock, not by their machine's", async () => {
    const wrong = { ...systemClock, now: () => systemClock.now() + 3_600_000 };
    const store = await openStore(settings, { clock: wrong, random: systemRandom, log: silentLog });
    onTestFinished(async () => {
      await store.close();
    });
    expect(Math.abs(store.clock.now() - Date.now())).toBeLessThan(1000);
    const startTime = new Date(Date.now() + 1_800_000).toISOString();
    await givenJob(store, store.clock.now(), { definition: { ...HTTP_JOB, startTime } });
    expect(await claim(store)).toEqual([]);
  });

  it('refuse to count on a standby that does not exist', async () => {
    await expect(open({ replication: 'synchronous' })).rejects.toMatchObject({
      code: 'STORE_REPLICATION',
      message: expect.stringContaining('synchronous_standby_names is empty') as string,
    });
    expect((await open({ replication: 'asynchronous' })).agreements.mayWithdraw).toBe(false);
    expect((await open()).agreements.mayWithdraw).toBe(true);
  });

  it('say what is wrong when there is no database, and never the password', async () => {
    const url = 'postgres://user:secret@127.0.0.1:1/none';
    const refused = open({ url });
    await expect(refused).rejects.toMatchObject({ code: 'STORE_UNUSABLE', exitStatus: 2 });
    await expect(refused).rejects.toThrow(
      /PostgreSQL at 127\.0\.0\.1:1\/none as the store \(setting store\.postgres\)/,
    );
    await expect(refused).rejects.not.toThrow(/secret/);
  });

  it('refuse a database that a newer version has written', async () => {
    await open();
    const { url } = settings as { url: string };
    await query(url, `insert into forewarn_migration (name, timestamp) values ('9999-future', 'now')`);
    await expect(open()).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
  });
});
