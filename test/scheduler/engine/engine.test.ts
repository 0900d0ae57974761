import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../common/runtime/random.ts';
import type { ActionOutcome } from '../../../scheduler/engine/ending.ts';
import { createClaimPlan } from '../../../scheduler/engine/plan.ts';
import type { JobDefinition } from '../../../scheduler/jobs/definition.ts';
import { execution, givenJob, HTTP_JOB, JOB } from '../../support/scheduler-store.ts';
import { DONE, rig, type Rig } from './engine-rig.ts';

const BROKEN: ActionOutcome = { status: 'failed', message: 'broken' };

const recurring = (change: Partial<NonNullable<JobDefinition['recurrence']>> = {}): JobDefinition => ({
  ...HTTP_JOB,
  recurrence: { frequency: 'minute', interval: 1, ...change },
});

describe('the engine', () => {
  it('runs a job at its start time and completes it', async () => {
    const { store, clock, engine, performed, news } = await rig();
    await givenJob(store, clock.now(), { definition: { ...HTTP_JOB, startTime: '2026-11-20T12:00:30Z' } });
    await engine.start();
    await clock.advance(29_999);
    expect(performed).toEqual([]);
    await clock.advance(1);
    expect(performed).toEqual(['30s Nightly #1.0 a1']);
    expect(await store.jobs.findJob(JOB)).toMatchObject({ state: 'completed', executionCount: 1, nextAtMs: undefined });
    expect(news).toEqual(['job.started', 'job.completed']);
  });

  it('sleeps through long waits and wakes in time', async () => {
    const { store, clock, engine, performed } = await rig();
    await givenJob(store, clock.now(), { definition: { ...HTTP_JOB, startTime: '2026-11-20T15:00:00Z' } });
    await engine.start();
    await clock.advance(3 * 3_600_000);
    expect(performed).toEqual(['10800s Nightly #1.0 a1']);
  });

  it('notices within half a minute that the wall clock was set forward', async () => {
    const { store, clock, engine, claims } = await rig();
    await givenJob(store, clock.now(), { definition: { ...HTTP_JOB, startTime: '2026-11-20T15:00:00Z' } });
    await engine.start();
    clock.jump(4 * 3_600_000);
    await clock.advance(30_000);
    expect(claims).toHaveLength(1);
  });

  it('keeps a recurring job on its grid, however long its runs take', async () => {
    const slow: Rig = await rig(async () => {
      await slow.clock.sleep(25_000);
      return DONE;
    });
    const { clock } = slow;
    await givenJob(slow.store, clock.now(), { definition: recurring({ count: 3 }) });
    await slow.engine.start();
    await clock.advance(300_000);
    expect(slow.performed).toEqual(['0s Nightly #1.0 a1', '60s Nightly #2.0 a1', '120s Nightly #3.0 a1']);
    expect(await slow.store.jobs.findJob(JOB)).toMatchObject({ state: 'completed', executionCount: 3 });
  });

  it('makes up for missed occurrences once and goes on with the grid', async () => {
    const { store, clock, engine, claims, performed } = await rig();
    await givenJob(store, clock.now(), { definition: recurring({ count: 3 }) });
    const startMs = clock.now();
    await clock.advance(150_000);
    await engine.start();
    await clock.advance(0);
    expect(claims.map((claim) => claim.execution.dueMs - startMs)).toEqual([0]);
    await clock.advance(120_000);
    expect(performed).toEqual(['150s Nightly #1.0 a1', '180s Nightly #2.0 a1', '240s Nightly #3.0 a1']);
  });

  it('retries as the policy says, with the same key, and then counts the occurrence as faulted', async () => {
    const { store, clock, engine, performed, claims, news } = await rig(async () => await Promise.resolve(BROKEN));
    const action = {
      type: 'Http' as const,
      request: { uri: 'http://x', method: 'GET' },
      retryPolicy: { retryType: 'fixed' as const, retryInterval: '00:00:15', retryCount: 2 },
    };
    await givenJob(store, clock.now(), { definition: { action } });
    await engine.start();
    await clock.advance(120_000);
    expect(performed).toEqual(['0s Nightly #1.0 a1', '15s Nightly #1.1 a1', '30s Nightly #1.2 a1']);
    expect(new Set(claims.map((claim) => claim.execution.key)).size).toBe(1);
    expect(await store.jobs.findJob(JOB)).toMatchObject({
      state: 'faulted',
      executionCount: 3,
      failureCount: 3,
      faultedCount: 1,
    });
    expect(news.filter((kind) => kind === 'job.failed')).toHaveLength(3);
  });

  it('gives different occurrences different keys', async () => {
    const { store, clock, engine, claims } = await rig();
    await givenJob(store, clock.now(), { definition: recurring({ count: 2 }) });
    await engine.start();
    await clock.advance(60_000);
    expect(new Set(claims.map((claim) => claim.execution.key)).size).toBe(2);
  });

  it('does not complete a job whose last occurrence is still to be retried', async () => {
    const { store, clock, engine } = await rig(async () => await Promise.resolve(BROKEN));
    await givenJob(store, clock.now(), {
      definition: { action: { type: 'Http', request: { uri: 'http://x', method: 'GET' } } },
    });
    await engine.start();
    await clock.advance(1000);
    expect((await store.jobs.findJob(JOB))?.state).toBe('enabled');
    await clock.advance(4 * 30_000 + 1000);
    expect(await store.jobs.findJob(JOB)).toMatchObject({ state: 'faulted', executionCount: 5 });
  });

  it('repeats what a dead scheduler left unfinished, under a higher attempt and the same key', async () => {
    const { store, clock, engine, performed, claims } = await rig();
    const job = await givenJob(store, clock.now());
    await store.executions.claimDue({
      limit: 1,
      regionsOfOthers: [],
      plan: {
        ...createClaimPlan(seededRandom(2)),
        occurrences: () => ({
          job: { ...job, made: 1, nextAtMs: undefined },
          executions: [execution(job)],
          cancelled: [],
        }),
      },
    });
    await store.replicas.leave();
    await engine.start();
    await clock.advance(0);
    expect(performed).toEqual(['0s Nightly #1.0 a2']);
    expect(claims[0]?.execution.key).toBe('k1');
    expect(await store.jobs.findJob(JOB)).toMatchObject({ state: 'completed', executionCount: 1 });
  });

  it('leaves what it was doing when it is stopped to the next start', async () => {
    const { store, clock, engine } = await rig(
      async (_claim, signal) =>
        await new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            resolve(undefined);
          });
        }),
    );
    await givenJob(store, clock.now());
    await engine.start();
    await clock.advance(0);
    await engine.close();
    const { claims } = await store.executions.claimDue({
      limit: 1,
      regionsOfOthers: [],
      plan: createClaimPlan(seededRandom(2)),
    });
    expect(claims.map((claim) => claim.execution.attempt)).toEqual([2]);
  });

  it('runs a job by hand without moving its calendar or ending it', async () => {
    const { store, clock, engine, claims } = await rig();
    const job = await givenJob(store, clock.now(), { definition: { ...HTTP_JOB, startTime: '2026-11-21T00:00:00Z' } });
    await engine.start();
    await engine.runNow(job);
    await clock.advance(0);
    expect(claims.map((claim) => claim.execution.byHand)).toEqual([true]);
    expect(await store.jobs.findJob(JOB)).toMatchObject({
      state: 'enabled',
      executionCount: 1,
      made: 0,
      nextAtMs: job.nextAtMs,
    });
  });

  it('hears of a job that is written while it sleeps', async () => {
    const { store, clock, engine, performed } = await rig();
    await givenJob(store, clock.now(), { definition: { ...HTTP_JOB, startTime: '2026-11-20T12:00:20Z' } });
    await engine.start();
    await givenJob(store, clock.now(), {
      ref: { job: 'sooner' },
      definition: { ...HTTP_JOB, startTime: '2026-11-20T12:00:10Z' },
    });
    engine.wake();
    await clock.advance(20_000);
    expect(performed).toEqual(['10s sooner #1.0 a1', '20s Nightly #1.0 a1']);
  });

  it('goes on when the store fails for a while', async () => {
    const { store, clock, engine, performed } = await rig();
    await engine.start();
    await clock.advance(0);
    const claimDue = store.executions.claimDue.bind(store.executions);
    let failures = 3;
    store.executions.claimDue = async (request) => {
      if (failures-- > 0) throw new Error('disk full');
      return await claimDue(request);
    };
    await givenJob(store, clock.now(), { definition: { ...HTTP_JOB, startTime: '2026-11-20T12:00:05Z' } });
    engine.wake();
    await clock.advance(10_000);
    expect(performed).toEqual(['5s Nightly #1.0 a1']);
  });

  it('stores the end of an execution later when the store fails, and does not perform it again', async () => {
    const { store, clock, engine, performed } = await rig();
    const finish = store.executions.finish.bind(store.executions);
    let failures = 2;
    store.executions.finish = async (...parameters) => {
      if (failures-- > 0) throw new Error('disk full');
      return await finish(...parameters);
    };
    await givenJob(store, clock.now());
    await engine.start();
    await clock.advance(1999);
    expect((await store.jobs.findJob(JOB))?.state).toBe('enabled');
    await clock.advance(1);
    expect(performed).toEqual(['0s Nightly #1.0 a1']);
    expect((await store.jobs.findJob(JOB))?.state).toBe('completed');
  });

  it('runs a bounded number at a time, and in the end all of them', async () => {
    let running = 0;
    let most = 0;
    const given: Rig = await rig(async () => {
      most = Math.max(most, ++running);
      await given.clock.sleep(1000);
      running--;
      return DONE;
    });
    for (let index = 0; index < 1620; index++)
      await givenJob(given.store, given.clock.now(), { ref: { job: `j${index}` } });
    await given.store.jobs.changeCollection(JOB, (current) => current && { ...current, sku: 'P20Premium' });
    await given.engine.start();
    await given.clock.advance(10_000);
    expect(most).toBe(1500);
    expect(given.performed).toHaveLength(1620);
  });
});
