import { spawnSync } from 'node:child_process';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import type { PerformAction } from '../../../scheduler/engine/engine.ts';
import { Interrupt } from '../../../scheduler/engine/interrupt.ts';
import { createMetrics, type SchedulerMetrics } from '../../../scheduler/metrics/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { claimOf } from '../../support/action-target.ts';
import { eventually, FakeAgent, runningScheduler, vmIdentity } from '../../support/running-scheduler.ts';
import { createClaimPlan } from '../../../scheduler/engine/plan.ts';
import { seededRandom } from '../../../common/runtime/random.ts';
import { givenJob, HTTP_JOB, JOB, memoryStore } from '../../support/scheduler-store.ts';
import { actionTarget } from '../../support/action-target.ts';
import { job, SHOP } from '../../support/scheduler-api.ts';

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const ACTION = { type: 'Http', request: { uri: 'http://secret.example/', method: 'GET' } } as const;

const VIEWS: Parameters<SchedulerMetrics['attach']>[0] = {
  backlog: async () => await Promise.resolve({ jobsDue: 5, waiting: 1, due: 2, queued: 3, running: 4 }),
  agents: () => 7,
  vms: () => 8,
  refusals: () => ({ 'stale-number': 2 }),
};

/** Everything that can be counted happens. */
async function busy(): Promise<SchedulerMetrics> {
  const clock = new FakeClock();
  const metrics = await createMetrics('1.2.3', clock);
  metrics.attach(VIEWS);
  const perform = async (work: PerformAction, change: object = {}): Promise<void> => {
    const claim = claimOf(ACTION);
    const execution = {
      ...claim.execution,
      attempt: 1,
      dueMs: clock.now() - 250,
      runAtMs: clock.now() - 125,
      ...change,
    };
    await metrics.measurePerform(work)({ ...claim, execution }, new Interrupt());
  };
  await perform(async () => {
    await clock.advance('2s');
    return { status: 'completed', message: '' };
  });
  await perform(async () => await Promise.resolve({ status: 'failed', message: '' }), { retry: 1 });
  await perform(async () => await Promise.resolve(undefined), { attempt: 2 });
  const store = metrics.measureStore(await memoryStore());
  await store.replicas.beat({ name: 'a', region: undefined }, 1000);
  await givenJob(store, 1000);
  await store.replicas.leave();
  await store.replicas.beat({ name: 'a', region: undefined }, 1000);
  const failing = metrics.measureStore({
    ...store,
    jobs: { ...store.jobs, changeJob: async () => await Promise.reject(new Error('disk full')) },
  });
  await expect(givenJob(failing, 1000)).rejects.toThrow('disk full');
  metrics.answered(201);
  metrics.answered(404);
  return metrics;
}

describe('the metrics of the scheduler', () => {
  it('count what has happened, and show what is', async () => {
    const lines = (await (await busy()).text()).split('\n');
    for (const line of [
      'forewarn_scheduler_build_info{version="1.2.3"} 1',
      'forewarn_scheduler_jobs_due 5',
      'forewarn_scheduler_executions_unfinished{state="due"} 2',
      'forewarn_scheduler_executions_unfinished{state="queued"} 3',
      'forewarn_scheduler_executions_running 0',
      'forewarn_scheduler_executions_total{type="Http",outcome="completed"} 1',
      'forewarn_scheduler_executions_total{type="Http",outcome="failed"} 1',
      'forewarn_scheduler_executions_total{type="Http",outcome="interrupted"} 1',
      'forewarn_scheduler_retries_total 1',
      'forewarn_scheduler_repeats_total 1',
      // The repetition's own lateness is another's death, which is counted elsewhere.
      'forewarn_scheduler_start_lag_seconds_count 2',
      'forewarn_scheduler_start_lag_seconds_sum 0.375',
      'forewarn_scheduler_execution_duration_seconds_sum{type="Http"} 2',
      'forewarn_scheduler_store_duration_seconds_count{operation="beat"} 2',
      'forewarn_scheduler_store_failures_total{operation="write-job"} 1',
      'forewarn_scheduler_leases_lost_total 1',
      'forewarn_scheduler_replicas 1',
      'forewarn_scheduler_agents_connected 7',
      'forewarn_scheduler_vms 8',
      'forewarn_scheduler_agent_refusals_total{reason="stale-number"} 2',
      'forewarn_scheduler_api_requests_total{status="2xx"} 1',
      'forewarn_scheduler_api_requests_total{status="4xx"} 1',
    ])
      expect(lines).toContain(line);
  });

  it('have no names of jobs, collections or targets among their labels', async () => {
    expect(await (await busy()).text()).not.toMatch(/secret|nightly|shop/i);
  });

  it('leave out what the store cannot tell now, and nothing else', async () => {
    const metrics = await busy();
    await metrics.text();
    metrics.attach({ ...VIEWS, backlog: async () => await Promise.reject(new Error('gone')) });
    const text = await metrics.text();
    expect(text).not.toMatch(/^forewarn_scheduler_(jobs_due|executions_unfinished)[ {]/m);
    expect(text).toContain('forewarn_scheduler_agents_connected 7');
  });

  it.skipIf(!hasPromtool)('are what promtool checks (without it: promtool is not installed)', async () => {
    const checked = spawnSync('promtool', ['check', 'metrics'], {
      input: await (await busy()).text(),
      encoding: 'utf8',
    });
    expect(checked.stdout + checked.stderr).toBe('');
    expect(checked.status).toBe(0);
  });
});

it('what is left out is counted by reason, once, also when the store has to plan it again', async () => {
  const metrics = await createMetrics('1', new FakeClock());
  const real = await memoryStore();
  const store = metrics.measureStore({
    ...real,
    executions: {
      ...real.executions,
      // As PostgreSQL does after a conflict.
      claimDue: async (asked) => {
        const [job] = await real.jobs.listJobs(JOB);
        if (job !== undefined) asked.plan.occurrences(job, { nowMs: real.clock.now(), unfinished: [] });
        return await real.executions.claimDue(asked);
      },
    },
  });
  const now = real.clock.now();
  const hourly = { ...HTTP_JOB, recurrence: { frequency: 'hour', interval: 1 } as const };
  const missed = { ...hourly, startTime: new Date(now).toISOString(), runs: { missed: 'skip' } as const };
  const job = await givenJob(store, now, { definition: missed });
  await store.jobs.changeJob(JOB, () => ({ ...job, anchorMs: now - 7_200_000, nextAtMs: now - 7_200_000 }));
  await store.executions.claimDue({ limit: 10, plan: createClaimPlan(seededRandom(1)), regionsOfOthers: [] });
  expect(await metrics.text()).toMatch(/^forewarn_scheduler_postponed_total\{reason="Missed"\} 2$/m);
});

describe('GET /metrics', () => {
  it('tells of a running scheduler: what it has performed, what is left, who is connected', async () => {
    const { url } = await actionTarget((_request, response) => response.end());
    const running = await runningScheduler({ metrics: true });
    await FakeAgent.join(running.url, vmIdentity('web_0'));
    const call = request(running.url);
    const version = { 'api-version': '2016-03-01' };
    await call.put(SHOP).query(version).set('x-forewarn', 'true').send({});
    const action = { type: 'Http', request: { uri: url, method: 'GET' } };
    await call
      .put(`${SHOP}/jobs/now`)
      .query(version)
      .set('x-forewarn', 'true')
      .send(job({ action, startTime: undefined }));
    const later = job({ action, startTime: new Date(Date.now() + 3_600_000).toISOString() });
    await call.put(`${SHOP}/jobs/later`).query(version).set('x-forewarn', 'true').send(later);
    const { text, headers } = await eventually(
      async () => await call.get('/metrics'),
      (answer) => answer.text.includes('executions_total{type="Http",outcome="completed"} 1'),
    );
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(text).toContain('forewarn_scheduler_claims_total 1');
    expect(text).toContain('forewarn_scheduler_start_lag_seconds_count 1');
    expect(text).toContain('forewarn_scheduler_jobs_due 0');
    expect(text).toContain('forewarn_scheduler_agents_connected 1');
    expect(text).toMatch(/forewarn_scheduler_api_requests_total\{status="2xx"\} [1-9]/);
  });

  it('is nothing where metrics are off', async () => {
    const { url } = await runningScheduler({ metrics: false });
    expect((await request(url).get('/metrics')).status).toBe(404);
  });
});
