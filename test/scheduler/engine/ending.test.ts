import { describe, expect, it } from 'vitest';
import { endingOf } from '../../../scheduler/engine/ending.ts';
import type { JobDefinition } from '../../../scheduler/jobs/definition.ts';
import { writeJob, type Execution } from '../../../scheduler/jobs/job.ts';
import { execution, HTTP_JOB, JOB } from '../../support/scheduler-store.ts';

const START = Date.parse('2026-11-20T12:00:00Z');
const FAILED = { status: 'failed', message: 'broken' } as const;
const action = { type: 'Http' as const, request: { uri: 'http://x/', method: 'GET' } };
const fixed = (retryCount: number, retryInterval = '00:00:15') => ({
  retryType: 'fixed' as const,
  retryCount,
  retryInterval,
});

function end(definition: JobDefinition, change: Partial<Execution> = {}) {
  const job = writeJob(undefined, { ref: JOB, definition, state: undefined }, START, 'id');
  const claim = {
    job: { ...job, made: 1, nextAtMs: undefined },
    execution: execution(job, { dueMs: START, ...change }),
  };
  return endingOf(claim, FAILED, { nowMs: START + 1000, newId: () => 'next' });
}

describe('what follows a failure', () => {
  it('is a retry under the same key, four times 30 s apart where the job says nothing', () => {
    const { follow, settlement } = end({ action });
    expect(follow).toMatchObject([{ id: 'next', key: 'k1', retry: 1, attempt: 1, runAtMs: START + 31_000 }]);
    expect(settlement).toMatchObject({ executions: 1, failures: 1, faults: 0, finalState: undefined });
    expect(end({ action }, { retry: 4 }).follow).toEqual([]);
  });

  it('is the error action once the last retry has failed, with retries of its own', () => {
    const definition = {
      action: { ...action, retryPolicy: fixed(1), errorAction: { ...action, retryPolicy: fixed(2, '00:00:20') } },
    };
    expect(end(definition).follow).toMatchObject([{ action: 'main', retry: 1 }]);
    const last = end(definition, { retry: 1 });
    expect(last.follow).toMatchObject([{ action: 'error', retry: 0, runAtMs: START + 1000, key: 'k1' }]);
    expect(last.settlement).toMatchObject({ faults: 1, finalState: 'faulted' });
    const error = end(definition, { action: 'error' });
    expect(error.follow).toMatchObject([{ action: 'error', retry: 1, runAtMs: START + 21_000 }]);
    // The error action is no execution of the job's own.
    expect(error.settlement).toBeUndefined();
    expect(end(definition, { action: 'error', retry: 2 }).follow).toEqual([]);
  });

  it("is by the main action's policy where the error action has none", () => {
    const definition = { action: { ...action, retryPolicy: fixed(3), errorAction: action } };
    expect(end(definition, { action: 'error', retry: 2 }).follow).toMatchObject([{ retry: 3 }]);
    expect(end(definition, { action: 'error', retry: 3 }).follow).toEqual([]);
  });

  it('is nothing where the retry would come outside the window', () => {
    const late = end({ ...HTTP_JOB, action, runs: { window: '00:00:20' } });
    expect(late.follow).toEqual([]);
    expect(late.ended).toMatchObject({ status: 'failed', reason: 'OutsideWindow' });
    expect(late.settlement).toMatchObject({ faults: 1, finalState: 'faulted' });
  });
});
