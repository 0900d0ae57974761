import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createClaimPlan } from '../../scheduler/engine/plan.ts';
import { settlementOf } from '../../scheduler/jobs/job.ts';
import { openSqliteStore } from '../../scheduler/store/sqlite.ts';
import type { Claim, ClaimPlan, Store } from '../../scheduler/store/store.ts';
import { seededRandom } from '../../common/runtime/random.ts';
import { storeOfTest, storeAdapters } from '../support/store-adapters.ts';
import { COLLECTION, execution, givenJob, HTTP_JOB, JOB } from '../support/scheduler-store.ts';

const EVERY_MINUTE = { ...HTTP_JOB, recurrence: { frequency: 'minute' as const, interval: 1 } };
/** A while ago: what is due is judged by the store's own clock, which is the real one. */
const NOW = Date.now() - 10_000;
const LATER = NOW + 3_600_000;

describe.each(storeAdapters)('jobs and executions in $name', (adapter) => {
  let store: Store;
  let reopen: () => Promise<void>;

  beforeEach(async () => {
    const given = await storeOfTest(adapter);
    ({ store } = given);
    reopen = async () => {
      store = await given.reopened();
    };
  });

  const plan: ClaimPlan = createClaimPlan(seededRandom(7));
  const claim = async (limit = 10): Promise<readonly Claim[]> =>
    (await store.executions.claimDue({ limit, plan, regionsOfOthers: [] })).claims;
  const earliestDue = async (): Promise<number | undefined> => await store.executions.earliestDue([]);

  describe('jobs', () => {
    it('are found in any case and keep the names under which they were written', async () => {
      const job = await givenJob(store, NOW);
      await reopen();
      const found = await store.jobs.findJob({
        subscription: 'SUB',
        resourceGroup: 'group',
        collection: 'sHOP',
        job: 'nightly',
      });
      expect(found).toEqual(job);
      expect(await store.jobs.findJob({ ...JOB, job: 'other' })).toBeUndefined();
    });

    it('are listed in ordinal order of name', async () => {
      for (const job of ['b', 'a10', 'C', 'a9']) await givenJob(store, NOW, { ref: { job } });
      expect((await store.jobs.listJobs(JOB)).map((job) => job.job)).toEqual(['C', 'a10', 'a9', 'b']);
    });

    it('are counted where one is new, and only then', async () => {
      await givenJob(store, NOW);
      await givenJob(store, NOW, { ref: { job: 'second' } });
      const seen: number[] = [];
      for (const job of ['Nightly', 'third']) {
        await store.jobs.changeJob({ ...JOB, job }, (_current, siblings) => {
          seen.push(siblings);
          return undefined;
        });
      }
      expect(seen).toEqual([0, 2]);
    });

    it('stay as they were when the change throws', async () => {
      const job = await givenJob(store, NOW);
      const refused = store.jobs.changeJob(JOB, () => {
        throw new Error('no');
      });
      await expect(refused).rejects.toThrow('no');
      expect(await store.jobs.findJob(JOB)).toEqual(job);
      // And the store is not left in the middle of a transaction.
      await givenJob(store, NOW, { ref: { job: 'next' } });
    });

    it('go with their collection, and their history with them', async () => {
      const job = await givenJob(store, NOW);
      await store.executions.add(execution(job));
      expect(await store.jobs.deleteCollection({ ...JOB, collection: 'SHOP' })).toBe(true);
      expect(await store.jobs.deleteCollection(JOB)).toBe(false);
      expect(await store.jobs.findJob(JOB)).toBeUndefined();
      expect(await claim()).toEqual([]);
    });

    it('are deleted once', async () => {
      await givenJob(store, NOW);
      expect(await store.jobs.deleteJob(JOB)).toBe(true);
      expect(await store.jobs.deleteJob(JOB)).toBe(false);
    });
  });

  it('keeps everything of a collection and lists those of a subscription or resource group', async () => {
    const written = {
      ...COLLECTION,
      tags: { team: 'shop' },
      sku: 'P20Premium' as const,
      quota: { maxJobCount: 3, maxRecurrence: { frequency: 'day' as const, interval: 2 } },
    };
    await store.jobs.changeCollection(written, () => written);
    await store.jobs.changeCollection({ ...JOB, resourceGroup: 'Other' }, () => ({
      ...COLLECTION,
      resourceGroup: 'Other',
    }));
    await reopen();
    expect(await store.jobs.findCollection({ ...JOB, resourceGroup: 'GROUP' })).toEqual(written);
    expect(await store.jobs.listCollections({ subscription: 'SUB' })).toHaveLength(2);
    expect(await store.jobs.listCollections({ subscription: 'sub', resourceGroup: 'other' })).toHaveLength(1);
    expect(await store.jobs.listCollections({ subscription: 'nobody' })).toEqual([]);
  });

  describe('executions', () => {
    it('claim a due occurrence once and move the job on', async () => {
      await givenJob(store, NOW, { definition: EVERY_MINUTE });
      const claims = await claim();
      expect(claims.map((taken) => [taken.execution.repeat, taken.execution.dueMs])).toEqual([[1, NOW]]);
      expect(await claim()).toEqual([]);
      expect(await earliestDue()).toBe(NOW + 60_000);
    });

    it('belong to one claimer when many claim at once', async () => {
      for (let index = 0; index < 30; index++) await givenJob(store, NOW, { ref: { job: `job${index}` } });
      const batches = await Promise.all(Array.from({ length: 10 }, async () => await claim(7)));
      const ids = batches.flat().map((taken) => taken.execution.id);
      expect(ids).toHaveLength(30);
      expect(new Set(ids).size).toBe(30);
    });

    it('are claimed earliest first, no more than asked for', async () => {
      for (const [job, startTime] of [
        ['late', new Date(NOW - 60_000).toISOString()],
        ['early', new Date(NOW - 120_000).toISOString()],
        ['future', new Date(LATER).toISOString()],
      ] as const) {
        await givenJob(store, NOW - 3_600_000, { ref: { job }, definition: { ...HTTP_JOB, startTime } });
      }
      const first = await claim(1);
      expect(first.map((taken) => taken.job.job)).toEqual(['early']);
      expect((await claim()).map((taken) => taken.job.job)).toEqual(['late']);
    });

    it('are not claimed in a collection that is not enabled', async () => {
      await givenJob(store, NOW);
      await store.jobs.changeCollection(JOB, (current) => current && { ...current, state: 'Disabled' });
      expect(await claim()).toEqual([]);
      expect(await earliestDue()).toBeUndefined();
    });

    it('that are pending wait for their time and come before what is due by calendar', async () => {
      const job = await givenJob(store, NOW);
      await store.executions.add(
        execution(job, { id: 'retry', status: 'pending', runAtMs: NOW - 1, startedAtMs: undefined }),
      );
      await store.executions.add(
        execution(job, { id: 'later', status: 'pending', runAtMs: LATER, startedAtMs: undefined }),
      );
      const claims = await claim();
      expect(claims.map((taken) => [taken.execution.key, taken.execution.status])).toEqual([
        ['k1', 'running'],
        [expect.stringMatching(/^[0-9a-f]{32}$/), 'running'],
      ]);
      expect(claims.every((taken) => (taken.execution.startedAtMs ?? 0) > NOW)).toBe(true);
      expect(await earliestDue()).toBe(LATER);
    });

    it('left unfinished are taken over with a higher attempt, and the old attempt can end nothing', async () => {
      await givenJob(store, NOW);
      const [first] = await claim();
      if (first === undefined) throw new Error('nothing was claimed');
      await reopen();
      expect((await store.replicas.beat({ name: 'a', region: undefined }, 1000)).takenOver).toBe(1);
      const [taken] = await claim();
      expect(taken?.execution).toMatchObject({ id: first.execution.id, key: first.execution.key, attempt: 2 });
      const end = { ...first.execution, status: 'completed' as const, endedAtMs: NOW + 1 };
      expect(await store.executions.finish(end, [], undefined)).toBe('refused');
      expect(await store.executions.finish({ ...end, attempt: 2 }, [], undefined)).toBe('ended');
      expect(await store.executions.finish({ ...end, attempt: 2 }, [], undefined)).toBe('refused');
      expect(await claim()).toEqual([]);
    });

    it('end together with the change of their job and with their retry', async () => {
      const job = await givenJob(store, NOW);
      const [first] = await claim();
      if (first === undefined) throw new Error('nothing was claimed');
      const failed = { ...first.execution, status: 'failed' as const, endedAtMs: NOW + 1, message: 'broken' };
      const retry = execution(job, {
        id: 'retry',
        retry: 1,
        status: 'pending',
        runAtMs: LATER,
        startedAtMs: undefined,
      });
      await store.executions.finish(
        failed,
        [retry],
        settlementOf({ hasFailed: true, isFaulted: false, atMs: NOW, byHand: false }),
      );
      await reopen();
      expect(await store.jobs.findJob(JOB)).toMatchObject({
        executionCount: 1,
        failureCount: 1,
        faultedCount: 0,
        state: 'enabled',
      });
      expect(await earliestDue()).toBe(LATER);
      const history = await store.executions.history(job.id, { top: 10, skip: 0, status: undefined });
      expect(history.map((entry) => entry.execution)).toEqual([failed]);
    });

    it('of one job add up, also when they end together, and the last that is final decides its state', async () => {
      const job = await givenJob(store, NOW);
      const ended = ['a', 'b', 'c', 'd'].map((id) =>
        execution(job, { id, status: 'running', startedAtMs: NOW, runAtMs: NOW }),
      );
      const settle = async (index: number, kind: { hasFailed: boolean; isFaulted: boolean; byHand?: boolean }) => {
        const one = ended[index];
        if (one === undefined) throw new Error('no such execution');
        const status = kind.hasFailed ? ('failed' as const) : ('completed' as const);
        const settlement = settlementOf({ byHand: false, ...kind, atMs: NOW + index });
        return await store.executions.finish({ ...one, status, endedAtMs: NOW + index }, [], settlement);
      };
      for (const one of ended) await store.executions.add(one);
      await store.jobs.changeJob(JOB, (current) => current && { ...current, nextAtMs: undefined });
      // The job is not due again; the one by hand does not end it.
      expect(await settle(0, { hasFailed: false, isFaulted: false, byHand: true })).toBe('ended');
      expect(await store.jobs.findJob(JOB)).toMatchObject({ state: 'enabled', executionCount: 1 });
      expect(
        await Promise.all([
          settle(1, { hasFailed: true, isFaulted: false }),
          settle(2, { hasFailed: false, isFaulted: false }),
          settle(3, { hasFailed: true, isFaulted: true }),
        ]),
      ).toEqual(['ended', 'ended', 'ended']);
      await reopen();
      expect(await store.jobs.findJob(JOB)).toMatchObject({
        state: 'faulted',
        executionCount: 4,
        failureCount: 2,
        faultedCount: 1,
        lastExecutionAtMs: NOW + 3,
      });
    });

    it('that are over leave the state of a job alone that will be due again, or was disabled', async () => {
      const job = await givenJob(store, NOW);
      const [first] = await claim();
      if (first === undefined) throw new Error('nothing was claimed');
      await store.jobs.changeJob(JOB, (current) => current && { ...current, state: 'disabled', nextAtMs: undefined });
      const settlement = settlementOf({ hasFailed: false, isFaulted: false, byHand: false, atMs: NOW });
      await store.executions.finish({ ...first.execution, status: 'completed', endedAtMs: NOW }, [], settlement);
      expect(await store.jobs.findJob(JOB)).toMatchObject({ id: job.id, state: 'disabled', executionCount: 1 });
    });

    it('can no longer be ended once their job is deleted', async () => {
      await givenJob(store, NOW);
      const [first] = await claim();
      await store.jobs.deleteJob(JOB);
      if (first === undefined) throw new Error('nothing was claimed');
      expect(await store.executions.finish({ ...first.execution, status: 'completed' }, [], undefined)).toBe('refused');
    });

    it('are listed newest first, by page and by status', async () => {
      const job = await givenJob(store, NOW);
      for (let index = 0; index < 6; index++) {
        await store.executions.add(
          execution(job, {
            id: `e${index}`,
            status: index % 2 === 0 ? 'completed' : 'failed',
            startedAtMs: NOW + index,
            endedAtMs: NOW + index,
          }),
        );
      }
      await store.executions.add(execution(job, { id: 'running' }));
      const ids = async (page: {
        top: number;
        skip: number;
        status: 'completed' | 'failed' | undefined;
      }): Promise<string[]> => (await store.executions.history(job.id, page)).map((entry) => entry.execution.id);
      expect(await ids({ top: 10, skip: 0, status: undefined })).toEqual(['e5', 'e4', 'e3', 'e2', 'e1', 'e0']);
      expect(await ids({ top: 2, skip: 1, status: undefined })).toEqual(['e4', 'e3']);
      expect(await ids({ top: 10, skip: 0, status: 'failed' })).toEqual(['e5', 'e3', 'e1']);
    });

    it('are forgotten by age and by number, the newest kept', async () => {
      const job = await givenJob(store, NOW);
      for (let index = 0; index < 6; index++) {
        await store.executions.add(
          execution(job, {
            id: `e${index}`,
            status: 'completed',
            startedAtMs: NOW + index,
            endedAtMs: NOW + index,
          }),
        );
      }
      await store.executions.prune(NOW + 1, 3);
      const left = await store.executions.history(job.id, { top: 10, skip: 0, status: undefined });
      expect(left.map((entry) => entry.execution.id)).toEqual(['e5', 'e4', 'e3']);
    });
  });
});

describe('the store in SQLite', () => {
  it('belongs to one scheduler at a time, and says so', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-store-'));
    const file = path.join(folder, 'store.db');
    const store = await openSqliteStore(file);
    await expect(openSqliteStore(file)).rejects.toMatchObject({
      code: 'STORE_UNUSABLE',
      exitStatus: 2,
      hint: expect.stringContaining('another scheduler uses this file') as string,
    });
    await store.close();
    await rm(folder, { recursive: true });
  });

  it('refuses a file that is no database, and one in a folder that does not exist', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-store-'));
    await expect(openSqliteStore(folder)).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
    await expect(openSqliteStore(path.join(folder, 'none', 'store.db'))).rejects.toMatchObject({
      code: 'STORE_UNUSABLE',
    });
    await rm(folder, { recursive: true });
  });
});
