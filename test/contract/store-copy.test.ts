import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { seededRandom, systemRandom } from '../../common/runtime/random.ts';
import { createClaimPlan } from '../../scheduler/engine/plan.ts';
import { COPIED_TABLES, copyStore } from '../../scheduler/store/copy.ts';
import { openStore } from '../../scheduler/store/open.ts';
import { openPostgresDatabase } from '../../scheduler/store/postgres.ts';
import type { StoreSettings } from '../../scheduler/store/settings.ts';
import type { SqlStore } from '../../scheduler/store/sql.ts';
import { openSqliteDatabase } from '../../scheduler/store/sqlite.ts';
import type { Store } from '../../scheduler/store/store.ts';
import { execution, givenJob, JOB } from '../support/scheduler-store.ts';
import { storeAdapters, type StoreAdapter } from '../support/store-adapters.ts';

const NOW = Date.now() - 10_000;
const PARTS = { clock: systemClock, random: systemRandom, log: silentLog };

async function place(adapter: StoreAdapter): Promise<StoreSettings> {
  const given = await adapter.prepare();
  onTestFinished(async () => {
    await given.remove();
  });
  return given.settings;
}

async function using<Result>(settings: StoreSettings, work: (store: Store) => Promise<Result>): Promise<Result> {
  const store = await openStore(settings, PARTS);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function database(settings: StoreSettings): Promise<SqlStore> {
  return settings.kind === 'sqlite'
    ? await openSqliteDatabase(settings.file, PARTS)
    : (await openPostgresDatabase(settings, PARTS)).store;
}

async function copy(from: StoreSettings, to: StoreSettings, replace = false) {
  const source = await database(from);
  const target = await database(to);
  try {
    return await copyStore(source, target, { replace });
  } finally {
    await source.db.destroy();
    await target.db.destroy();
  }
}

const pairs = storeAdapters.flatMap((from) => storeAdapters.map((to) => ({ from, to })));

const AT_ONCE = 20;

describe.each(pairs)('a copy from $from.name to $to.name', ({ from, to }) => {
  it('has everything, goes on where the first was, and gives no number twice', async () => {
    const [source, target] = [await place(from), await place(to)];
    // More than one page of rows.
    const jobs = 520;
    await using(source, async (store) => {
      const job = await givenJob(store, NOW, { ref: { job: 'ran' } });
      // A few at a time: whoever waits for one of the database's connections waits only so long.
      for (let first = 0; first < jobs; first += AT_ONCE) {
        await Promise.all(
          Array.from({ length: AT_ONCE }, async (_none, index) => {
            const ref = { ...JOB, job: `job${first + index}` };
            await store.jobs.changeJob(ref, () => ({ ...job, ...ref, id: ref.job }));
          }),
        );
      }
      await store.executions.add(execution(job, { id: 'over', status: 'completed', endedAtMs: NOW }));
      await store.executions.add(execution(job, { id: 'under way' }));
      await store.vms.put({
        identity: { scope: 's', name: 'n', vmId: 'v', role: 'r', updateDomain: '0', faultDomain: '0', zone: '' },
        agentVersion: '1',
        inventory: undefined,
        firstSeenAtMs: 1,
        lastSeenAtMs: 2,
      });
    });
    expect(await copy(source, target)).toMatchObject({ collections: 1, jobs: jobs + 1, executions: 2, vms: 1 });
    const before = await using(source, async (store) => [await store.jobs.listJobs(JOB), await store.vms.list()]);
    await using(target, async (store) => {
      expect([await store.jobs.listJobs(JOB), await store.vms.list()]).toEqual(before);
      await store.replicas.beat({ name: 'a', region: undefined }, 10_000);
      const plan = createClaimPlan(seededRandom(1));
      const { claims } = await store.executions.claimDue({ limit: 1000, plan, regionsOfOthers: [] });
      expect(claims).toHaveLength(jobs + 2);
      expect(claims.find((claim) => claim.execution.id === 'under way')?.execution.attempt).toBe(2);
    });
  });

  it('is made into an empty store only, unless what it has may go', async () => {
    const [source, target] = [await place(from), await place(to)];
    await using(source, async (store) => await givenJob(store, NOW, { ref: { job: 'new' } }));
    await using(target, async (store) => await givenJob(store, NOW, { ref: { job: 'old' } }));
    await expect(copy(source, target)).rejects.toMatchObject({ code: 'STORE_NOT_EMPTY', exitStatus: 2 });
    await copy(source, target, true);
    const names = await using(target, async (store) => (await store.jobs.listJobs(JOB)).map(({ job }) => job));
    expect(names).toEqual(['new']);
  });
});

it('no table is forgotten by a copy', async () => {
  const store = await openSqliteDatabase(':memory:', PARTS);
  const tables = (await store.db.introspection.getTables()).map(({ name }) => name);
  await store.db.destroy();
  expect(COPIED_TABLES.map(([name]) => name).toSorted()).toEqual(
    tables.filter((name) => !['replicas', 'mail', 'leave_grants'].includes(name)).toSorted(),
  );
});
