import pg from 'pg';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createClaimPlan } from '../../scheduler/engine/plan.ts';
import { settlementOf, writeJob, type Execution } from '../../scheduler/jobs/job.ts';
import type { JobDefinition } from '../../scheduler/jobs/definition.ts';
import type { StoreSettings } from '../../scheduler/store/settings.ts';
import type { Claim, ClaimPlan, Store } from '../../scheduler/store/store.ts';
import { seededRandom } from '../../common/runtime/random.ts';
import { storeOfTest, storeAdapters } from '../support/store-adapters.ts';
import { execution, givenJob, HTTP_JOB, JOB } from '../support/scheduler-store.ts';

const DAY_MS = 86_400_000;

describe.each(storeAdapters)('executions in $name', (adapter) => {
  let store: Store;
  let settings: StoreSettings;
  const plan: ClaimPlan = createClaimPlan(seededRandom(7));

  beforeEach(async () => {
    ({ store, settings } = await storeOfTest(adapter));
  });

  const claim = async (by = plan): Promise<readonly Claim[]> =>
    (await store.executions.claimDue({ limit: 10, plan: by, regionsOfOthers: [] })).claims;
  const end = async (one: Claim | undefined, hasFailed = false, follow: readonly Execution[] = []): Promise<string> => {
    if (one === undefined) throw new Error('nothing was claimed');
    const nowMs = store.clock.now();
    const isFaulted = hasFailed && follow.length === 0;
    return await store.executions.finish(
      { ...one.execution, status: hasFailed ? 'failed' : 'completed', endedAtMs: nowMs },
      follow,
      settlementOf({ hasFailed, isFaulted, atMs: nowMs, byHand: one.execution.byHand }),
    );
  };

  describe('history', () => {
    const ids = async (status?: 'failed', skip = 0): Promise<readonly string[]> => {
      const page = { top: 5000, skip, status };
      return (await store.executions.history('id-Nightly', page)).map((entry) => entry.execution.id);
    };

    /** Adds them in one transaction. */
    const givenPast = async (past: readonly Partial<Execution>[]): Promise<void> => {
      const job = await givenJob(store, store.clock.now() - 1000);
      const executions = past.map((change, index) =>
        execution(job, { id: `e${index}`, status: 'completed', endedAtMs: change.startedAtMs, ...change }),
      );
      await claim({
        ...plan,
        occurrences: () => ({ job: { ...job, nextAtMs: undefined }, executions, cancelled: [] }),
      });
    };

    it('shows the last thousand, whatever more is there until it is pruned', async () => {
      const startMs = store.clock.now() - 10_000;
      await givenPast(
        Array.from({ length: 1010 }, (_none, index) => ({
          startedAtMs: startMs + index,
          status: index % 100 === 5 ? ('failed' as const) : ('completed' as const),
        })),
      );
      const all = await ids();
      expect(all).toHaveLength(1000);
      expect([all[0], all.at(-1)]).toEqual(['e1009', 'e10']);
      expect(await ids(undefined, 998)).toEqual(['e11', 'e10']);
      expect(await ids(undefined, 1000)).toEqual([]);
      // The failure among those that are left out is not found by its status either.
      expect((await ids('failed')).at(-1)).toBe('e105');
    });

    it('shows nothing that ended more than sixty days ago, by the clock of the store', async () => {
      const nowMs = store.clock.now();
      await givenPast([
        { startedAtMs: nowMs - 61 * DAY_MS },
        { startedAtMs: nowMs - 61 * DAY_MS, endedAtMs: nowMs - 59 * DAY_MS },
        { startedAtMs: nowMs - 59 * DAY_MS, status: 'failed' },
        { startedAtMs: nowMs - 61 * DAY_MS, status: 'failed' },
      ]);
      expect(await ids()).toEqual(['e2', 'e1']);
      expect(await ids('failed')).toEqual(['e2']);
    });
  });

  it('that are added to a job that was deleted fail alone, and nothing that is written at the same moment', async () => {
    const job = await givenJob(store, store.clock.now() + DAY_MS);
    await store.jobs.deleteJob(JOB);
    const [added, beside] = await Promise.allSettled([
      store.executions.add(execution(job, { status: 'pending' })),
      givenJob(store, store.clock.now(), { ref: { job: 'other' } }),
    ]);
    expect(added.status).toBe('rejected');
    expect(beside.status).toBe('fulfilled');
    expect((await store.jobs.findJob({ ...JOB, job: 'other' }))?.job).toBe('other');
  });

  // An embedded store has one writer at a time: nobody waits there for a row.
  it.each(adapter.name === 'SQLite' ? [] : ['are claimed without holding other jobs'])(
    '%s while a job that somebody else has locked is waited for',
    async () => {
      const nowMs = store.clock.now();
      await givenJob(store, nowMs - 1000, { ref: { job: 'due' } });
      const locked = await givenJob(store, nowMs + DAY_MS, {
        definition: { ...HTTP_JOB, startTime: '2099-01-01T00:00:00Z' },
      });
      await store.executions.add(execution(locked, { status: 'pending', startedAtMs: undefined }));
      if (settings.kind !== 'postgres') throw new Error('not PostgreSQL');
      const other = new pg.Client({ connectionString: settings.url });
      await other.connect();
      onTestFinished(async () => await other.end());
      await other.query('begin');
      await other.query(`select id from jobs where id = 'id-Nightly' for no key update`);
      const claiming = claim();
      await expect
        .poll(
          async () =>
            (
              await other.query(
                `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
              )
            ).rowCount,
          { timeout: 10_000 },
        )
        .toBe(1);
      // Who ends executions of both would wait here for the one that waits for it.
      await other.query(`select id from jobs where id = 'id-due' for no key update nowait`);
      await other.query('rollback');
      expect((await claiming).map(({ job }) => job.job).toSorted()).toEqual(['Nightly', 'due']);
    },
  );

  it('that are still under way keep their job from being over when its last occurrence is left out', async () => {
    await givenJob(store, store.clock.now() - 1000);
    const [first] = await claim({
      ...plan,
      occurrences: (job) => ({
        job: { ...job, made: 1 },
        executions: [execution(job, { startedAtMs: store.clock.now() })],
        cancelled: [],
      }),
    });
    const leaveOut: ClaimPlan = {
      ...plan,
      occurrences: (job) => ({
        job: { ...job, nextAtMs: undefined, state: 'completed' },
        executions: [],
        cancelled: [],
      }),
    };
    await claim(leaveOut);
    expect(await store.jobs.findJob(JOB)).toMatchObject({ state: 'enabled', nextAtMs: undefined });
    await end(first, true);
    expect(await store.jobs.findJob(JOB)).toMatchObject({ state: 'faulted' });
    await givenJob(store, store.clock.now() - 1000, { ref: { job: 'idle' } });
    await claim(leaveOut);
    expect(await store.jobs.findJob({ ...JOB, job: 'idle' })).toMatchObject({ state: 'completed' });
  });

  describe('of a job with overlap: queue', () => {
    const QUEUE: JobDefinition = {
      ...HTTP_JOB,
      recurrence: { frequency: 'minute', interval: 1, count: 2 },
      runs: { overlap: 'queue', missed: 'all', window: 'PT10M' },
    };
    /** Two occurrences are due: one is claimed and one waits for it. */
    const givenTwo = async (): Promise<Claim | undefined> => {
      await givenJob(store, store.clock.now() - 90_000, { definition: QUEUE });
      const claims = await claim();
      expect(claims).toHaveLength(1);
      return claims[0];
    };
    const stateOf = async () => await store.jobs.findJob(JOB);

    it('do not wait for ever for a retry that came too late to be made', async () => {
      const first = await givenTwo();
      if (first === undefined) throw new Error('nothing was claimed');
      const nowMs = store.clock.now();
      // No scheduler ran when its time came, and now its window is over.
      await end(first, true, [
        {
          ...first.execution,
          id: 'retry',
          retry: 1,
          status: 'pending',
          startedAtMs: undefined,
          dueMs: nowMs - 3_600_000,
          runAtMs: nowMs - 1,
        },
      ]);
      expect(await claim()).toEqual([]);
      expect((await claim()).map(({ execution: { repeat } }) => repeat)).toEqual([2]);
    });

    it('end it when the last is over, by how that went', async () => {
      await end(await givenTwo());
      expect(await stateOf()).toMatchObject({ state: 'enabled', executionCount: 1, nextAtMs: undefined });
      const [second] = await claim();
      await end(second, true);
      expect(await stateOf()).toMatchObject({ state: 'faulted', executionCount: 2, faultedCount: 1 });
    });

    it('run on under the new definition when it is rewritten, and are counted with it', async () => {
      const first = await givenTwo();
      const definition: JobDefinition = { ...HTTP_JOB, startTime: new Date(store.clock.now() + DAY_MS).toISOString() };
      await store.jobs.changeJob(JOB, (current) =>
        writeJob(current, { ref: JOB, definition, state: undefined }, store.clock.now(), ''),
      );
      expect(await end(first)).toBe('released');
      const [second] = await claim();
      await end(second);
      expect(await stateOf()).toMatchObject({ state: 'enabled', executionCount: 2 });
    });
  });
});
