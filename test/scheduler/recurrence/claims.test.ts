import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../common/runtime/random.ts';
import { toCalendars } from '../../../scheduler/blackout-settings.ts';
import { createClaimPlan } from '../../../scheduler/engine/plan.ts';
import { writeJob, type Job } from '../../../scheduler/jobs/job.ts';
import type { Calendars } from '../../../scheduler/recurrence/blackout.ts';
import type { JobPlan } from '../../../scheduler/store/store.ts';
import { short } from './rules.ts';

const START = Date.parse('2026-12-23T06:00:00Z');
const FREEZE = toCalendars({
  freeze: { timeZone: 'UTC', days: ['2026-12-24', '12-25'], weekDays: [], periods: [] },
});

function daily(calendars: Calendars | undefined): Job {
  const definition = {
    startTime: '2026-12-23T06:00:00Z',
    recurrence: { frequency: 'day', interval: 1, count: 3, blackouts: ['freeze'] },
    action: { type: 'Http', request: { uri: 'http://127.0.0.1/', method: 'GET' } },
  } as const;
  const ref = { subscription: 's', resourceGroup: 'g', collection: 'c', job: 'j' };
  const recurrence = { ...definition.recurrence, blackouts: [...definition.recurrence.blackouts] };
  return writeJob(
    undefined,
    { ref, definition: { ...definition, recurrence }, state: 'enabled', calendars },
    START - 1,
    'id',
  );
}

function claim(job: Job, calendars: Calendars | undefined, at: string): JobPlan {
  const plan = createClaimPlan(seededRandom(1), calendars).occurrences(job, { nowMs: Date.parse(at), unfinished: [] });
  if (plan === undefined) throw new Error('nothing was due');
  return plan;
}

describe('a job that heeds a blackout calendar', () => {
  it('is due next when that is over, and has used up none of its count', () => {
    const { job, executions } = claim(daily(FREEZE), FREEZE, '2026-12-23T06:00:00Z');
    expect(executions.map(({ status }) => status)).toEqual(['running']);
    expect(short(job.nextAtMs ?? 0)).toBe('2026-12-26T06:00Z');
    expect(job.made).toBe(1);
  });

  it('does not run an occurrence that a calendar covers only since it was put on the calendar, and says why', () => {
    const before = claim(daily(undefined), undefined, '2026-12-23T06:00:00Z').job;
    expect(short(before.nextAtMs ?? 0)).toBe('2026-12-24T06:00Z');
    const { job, executions } = claim(before, FREEZE, '2026-12-24T06:00:00Z');
    expect(executions).toMatchObject([{ status: 'postponed', reason: 'Excluded', dueMs: before.nextAtMs }]);
    expect(short(job.nextAtMs ?? 0)).toBe('2026-12-26T06:00Z');
    expect(job.made).toBe(1);
  });

  it('makes up for what was missed with an occurrence that is not covered', () => {
    const before = claim(daily(undefined), undefined, '2026-12-23T06:00:00Z').job;
    const { executions } = claim(before, FREEZE, '2026-12-27T00:00:00Z');
    const ran = executions.filter(({ status }) => status === 'running');
    expect(ran.map(({ dueMs }) => short(dueMs))).toEqual(['2026-12-26T06:00Z']);
  });
});
