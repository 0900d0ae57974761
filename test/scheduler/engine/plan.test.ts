import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../common/runtime/random.ts';
import { createClaimPlan } from '../../../scheduler/engine/plan.ts';
import type { JobDefinition } from '../../../scheduler/jobs/definition.ts';
import { writeJob, type Execution, type Job } from '../../../scheduler/jobs/job.ts';
import type { JobPlan } from '../../../scheduler/store/store.ts';
import { execution, HTTP_JOB, JOB } from '../../support/scheduler-store.ts';

const START = Date.parse('2026-11-20T12:00:00Z');
const MINUTE = 60_000;

function minutely(runs: JobDefinition['runs'], change: object = {}): Job {
  const definition = { ...HTTP_JOB, runs, recurrence: { frequency: 'minute' as const, interval: 1, ...change } };
  return writeJob(undefined, { ref: JOB, definition, state: undefined }, START, 'id');
}

/** What becomes of the job's occurrences when it is looked at `minutes` (and a second) after its start. */
function plan(job: Job, minutes: number, unfinished: readonly Execution[] = []): JobPlan {
  const nowMs = START + minutes * MINUTE + 1000;
  const planned = createClaimPlan(seededRandom(1)).occurrences(job, { nowMs, unfinished });
  if (planned === undefined) throw new Error('was not to be planned yet');
  return planned;
}

/** Each execution as the minute it was due and what became of it. */
function told({ executions }: JobPlan): string[] {
  return executions
    .toSorted((a, b) => a.dueMs - b.dueMs)
    .map((made) => `${(made.dueMs - START) / MINUTE} ${made.reason ?? made.status}`);
}

describe('missed occurrences', () => {
  it('are made up for once, by the oldest, unless the job says otherwise', () => {
    const planned = plan(minutely(undefined), 3);
    expect(told(planned)).toEqual(['0 running', '1 Missed', '2 Missed', '3 Missed']);
    expect(planned.job).toMatchObject({ made: 1, nextAtMs: START + 4 * MINUTE });
  });

  it('are all run where the job says so', () => {
    const planned = plan(minutely({ missed: 'all' }), 3);
    expect(told(planned)).toEqual(['0 running', '1 running', '2 running', '3 running']);
    expect(planned.executions.map(({ repeat }) => repeat)).toEqual([1, 2, 3, 4]);
    expect(new Set(planned.executions.map(({ key }) => key)).size).toBe(4);
  });

  it('are left out where the job says so, except one that is only a little late', () => {
    expect(told(plan(minutely({ missed: 'skip' }), 3))).toEqual(['0 Missed', '1 Missed', '2 Missed', '3 running']);
    expect(told(plan(minutely({ missed: 'skip' }, { interval: 10 }), 9))).toEqual(['0 Missed']);
  });

  it('are never run outside their window', () => {
    expect(told(plan(minutely({ missed: 'all', window: '00:02:00' }), 4))).toEqual([
      '0 OutsideWindow',
      '1 OutsideWindow',
      '2 OutsideWindow',
      '3 running',
      '4 running',
    ]);
    expect(told(plan(minutely({ window: '00:00:30' }, { interval: 10 }), 9))).toEqual(['0 OutsideWindow']);
  });

  it('use up no count, and what comes after the last of the count was never to be', () => {
    const planned = plan(minutely({ missed: 'all' }, { count: 2 }), 5);
    expect(told(planned)).toEqual(['0 running', '1 running']);
    expect(planned.job.nextAtMs).toBeUndefined();
    expect(plan(minutely({ missed: 'skip' }, { count: 2 }), 5).job).toMatchObject({ made: 1 });
  });

  it('end a job that has nothing left to run', () => {
    const once = writeJob(
      undefined,
      { ref: JOB, definition: { ...HTTP_JOB, runs: { window: '00:01:00' } }, state: undefined },
      START,
      'id',
    );
    const planned = plan(once, 5);
    expect(told(planned)).toEqual(['0 OutsideWindow']);
    expect(planned.job).toMatchObject({ state: 'completed', nextAtMs: undefined });
  });

  it('of a long absence are told in a bounded number of entries, the last of which stands for the rest', () => {
    const planned = plan(minutely(undefined), 60 * 24 * 30);
    expect(planned.executions).toHaveLength(101);
    expect(planned.executions.at(-1)?.message).toMatch(
      /So were 899 more, the last due 2026-11-21T04:39:00\.000Z, and all after it/,
    );
    expect(planned.job.nextAtMs).toBe(START + (60 * 24 * 30 + 1) * MINUTE);
  });
});

describe('an occurrence that is due while the one before it is not over', () => {
  const running = execution(minutely(undefined), { id: 'old', dueMs: START - MINUTE });

  it.each([
    ['allow', '0 running', []],
    ['skip', '0 StillRunning', []],
    ['queue', '0 queued', []],
    ['cancel', '0 running', ['old']],
  ] as const)('with overlap %s: %s', (overlap, expected, cancelled) => {
    const planned = plan(minutely({ overlap }), 0, [running]);
    expect(told(planned)).toEqual([expected]);
    expect(planned.cancelled).toEqual(cancelled);
  });

  it('does not queue behind one that is queued', () => {
    const queued = { ...running, id: 'queued', status: 'queued' as const };
    expect(told(plan(minutely({ overlap: 'queue' }), 0, [running, queued]))).toEqual(['0 AlreadyQueued']);
  });

  it('minds neither what was started by hand nor an error action', () => {
    const others = [
      { ...running, byHand: true },
      { ...running, action: 'error' as const },
    ];
    expect(told(plan(minutely({ overlap: 'skip' }), 0, others))).toEqual(['0 running']);
  });

  it('of several that were missed only the newest is run with cancel', () => {
    expect(told(plan(minutely({ overlap: 'cancel', missed: 'all' }), 2))).toEqual([
      '0 Superseded',
      '1 Superseded',
      '2 running',
    ]);
  });

  it('is not decided before its time', () => {
    const job = { ...minutely({ overlap: 'skip' }), nextAtMs: START + 200 };
    expect(createClaimPlan(seededRandom(1)).occurrences(job, { nowMs: START, unfinished: [] })).toBeUndefined();
    const plain = { ...minutely(undefined), nextAtMs: START + MINUTE };
    const early = createClaimPlan(seededRandom(1)).occurrences(plain, { nowMs: START + MINUTE - 200, unfinished: [] });
    expect(early?.executions).toMatchObject([
      { dueMs: START + MINUTE, startedAtMs: START + MINUTE, status: 'running' },
    ]);
  });
});

describe('a pending execution', () => {
  const pending = (change: Partial<Execution>): Execution =>
    execution(minutely(undefined), { status: 'pending', startedAtMs: undefined, dueMs: START, ...change });
  const look = (change: Partial<Execution>) =>
    createClaimPlan(seededRandom(1)).pending(minutely({ window: '00:01:00' }), pending(change), START + 2 * MINUTE);

  it('is started within its window only, and a retry that comes too late makes the occurrence faulted', () => {
    expect(look({}).execution).toMatchObject({ status: 'postponed', reason: 'OutsideWindow' });
    expect(look({ retry: 1 }).job.faultedCount).toBe(1);
    expect(look({ dueMs: START + MINUTE }).execution.status).toBe('running');
  });

  it('that somebody asked for by hand, or an error action, has no window', () => {
    expect(look({ byHand: true }).execution.status).toBe('running');
    expect(look({ action: 'error' }).execution.status).toBe('running');
  });
});
