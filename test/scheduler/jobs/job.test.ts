import { describe, expect, it } from 'vitest';
import type { JobDefinition } from '../../../scheduler/jobs/definition.ts';
import { firstDue, writeJob, type Job } from '../../../scheduler/jobs/job.ts';
import { HTTP_JOB, JOB } from '../../support/scheduler-store.ts';

const NOW = Date.parse('2015-04-08T13:00:00Z');
const EVERY_TWO_DAYS = { frequency: 'day' as const, interval: 2 };
const iso = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString());

const write = (current: Job | undefined, definition: JobDefinition, state?: 'enabled' | 'disabled', now = NOW): Job =>
  writeJob(current, { ref: JOB, definition, state }, now, 'new-id');

describe('when a new job is first due', () => {
  // The documentation's table of startTime (rows) and recurrence (columns), with its own example.
  it.each([
    ['no start time, no recurrence: at once', undefined, undefined, '2015-04-08T13:00:00.000Z'],
    ['a past start time, no recurrence: at once', '2015-04-07T14:00:00Z', undefined, '2015-04-08T13:00:00.000Z'],
    ['a future start time, no recurrence: then', '2015-04-09T14:00:00Z', undefined, '2015-04-09T14:00:00.000Z'],
    ['no start time, a recurrence: at once', undefined, EVERY_TWO_DAYS, '2015-04-08T13:00:00.000Z'],
    [
      'a past start time, a recurrence: the next point of the grid',
      '2015-04-07T14:00:00Z',
      EVERY_TWO_DAYS,
      '2015-04-09T14:00:00.000Z',
    ],
    ['a future start time, a recurrence: then', '2015-04-10T14:00:00Z', EVERY_TWO_DAYS, '2015-04-10T14:00:00.000Z'],
    ['a start time at present: then', '2015-04-08T13:00:00Z', EVERY_TWO_DAYS, '2015-04-08T13:00:00.000Z'],
  ])('%s', (_title, startTime, recurrence, expected) => {
    const definition = {
      ...HTTP_JOB,
      ...(startTime && { startTime }),
      ...(recurrence && { recurrence }),
    };
    expect(iso(firstDue(definition, NOW).nextAtMs)).toBe(expected);
  });
});

describe('writing a job', () => {
  const daily: JobDefinition = {
    ...HTTP_JOB,
    startTime: '2015-04-01T14:00:00Z',
    recurrence: { frequency: 'day', interval: 1, count: 5 },
  };

  it('makes a new one enabled, and due', () => {
    expect(write(undefined, daily)).toMatchObject({
      id: 'new-id',
      state: 'enabled',
      made: 0,
      nextAtMs: Date.parse('2015-04-08T14:00:00Z'),
    });
  });

  it('again as it is moves nothing', () => {
    const job: Job = { ...write(undefined, daily), made: 3, nextAtMs: 5, executionCount: 3 };
    expect(write(job, daily, 'enabled', NOW + 1_000_000)).toEqual(job);
  });

  it('with another action keeps its calendar', () => {
    const job: Job = { ...write(undefined, daily), made: 3 };
    const action = { type: 'Http' as const, request: { uri: 'http://other', method: 'POST' } };
    expect(write(job, { ...daily, action })).toEqual({ ...job, definition: { ...daily, action } });
  });

  it('with another calendar begins to count anew and keeps the totals', () => {
    const job: Job = { ...write(undefined, daily), made: 3, executionCount: 3, lastExecutionAtMs: 7 };
    const changed = write(job, { ...daily, startTime: '2015-05-01T00:00:00Z' });
    expect(changed).toMatchObject({ id: job.id, made: 0, executionCount: 3, lastExecutionAtMs: 7 });
    expect(iso(changed.nextAtMs)).toBe('2015-05-01T00:00:00.000Z');
  });

  it('disabled takes its next run away; enabled it goes on with the grid, without those in between', () => {
    const job: Job = { ...write(undefined, daily), made: 2 };
    const disabled = write(job, daily, 'disabled');
    expect(disabled).toMatchObject({ state: 'disabled', nextAtMs: undefined });
    // Left open, the state stays.
    expect(write(disabled, daily)).toMatchObject({ state: 'disabled', nextAtMs: undefined });
    const enabled = write(disabled, daily, 'enabled', Date.parse('2015-04-20T00:00:00Z'));
    expect(enabled).toMatchObject({ state: 'enabled', made: 2 });
    expect(iso(enabled.nextAtMs)).toBe('2015-04-20T14:00:00.000Z');
  });
});
