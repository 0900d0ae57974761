import { describe, expect, it } from 'vitest';
import type { Observation, SeenEvent } from '../../../emulator/scenario/pure/judge.ts';
import type { Step } from '../../../emulator/scenario/pure/steps.ts';
import { beginTimeline, followTimeline, performed } from '../../../emulator/scenario/pure/timeline.ts';

const SCHEDULED: SeenEvent = {
  resources: ['vm0'],
  approvals: [],
  startedAtMs: undefined,
  goneAtMs: undefined,
  isCancelled: false,
  state: 'scheduled',
};

function seen(event: Partial<SeenEvent> = {}, more: Partial<Observation> = {}): Observation {
  const events = new Map([['e', { ...SCHEDULED, ...event }]]);
  return { events, maintenance: new Map(), rotation: [], watched: new Set(['vm0']), ...more };
}

const approvedWithin20s: Step = { kind: 'expect', that: { kind: 'approved', event: 'e' }, withinMs: 20_000 };

/** What one step alone comes to at `now`, having begun at 0. */
function judged(step: Step, observation: Observation, now: number): string {
  const state = beginTimeline({ name: 's', description: '', clock: 'real', steps: [step] }, 0);
  const next = followTimeline(state, observation, now);
  const result = next.state.results[0];
  return result === undefined ? next.kind : `${result.outcome}${result.detail === '' ? '' : `: ${result.detail}`}`;
}

describe('an expectation', () => {
  it('waits until it is met or its time is over', () => {
    expect(judged(approvedWithin20s, seen(), 19_999)).toBe('wait');
    expect(judged(approvedWithin20s, seen(), 20_000)).toBe('failed: nobody has approved it; it is scheduled');
    expect(judged(approvedWithin20s, seen({ approvals: [{ by: 'vm0', atMs: 20_000 }] }), 25_000)).toBe('ok: by vm0');
    expect(judged(approvedWithin20s, seen({ approvals: [{ by: 'vm0', atMs: 21_000 }] }), 25_000)).toBe(
      'failed: only after 21 s',
    );
  });

  it('fails at once when it can no longer be met', () => {
    const started = seen({ startedAtMs: 100, state: 'started' });
    expect(judged(approvedWithin20s, started, 100)).toMatch(/^failed/);
    const expectStarted: Step = { kind: 'expect', that: { kind: 'started', event: 'e' }, withinMs: 20_000 };
    expect(judged(expectStarted, seen({ isCancelled: true, state: 'cancelled' }), 100)).toBe('failed: it is cancelled');
    const expectCancelled: Step = { kind: 'expect', that: { kind: 'cancelled', event: 'e' }, withinMs: 20_000 };
    expect(judged(expectCancelled, started, 100)).toBe('failed: it is started');
  });

  it('of a VM out before the start looks at the moment of the start', () => {
    const step: Step = { kind: 'expect', that: { kind: 'outBeforeStarted', event: 'e' }, withinMs: 0 };
    const rotation = [
      { vm: 'VM0', isIn: true, atMs: 0 },
      { vm: 'VM0', isIn: false, atMs: 900 },
    ];
    expect(judged(step, seen({ startedAtMs: 1000 }, { rotation }), 5000)).toBe('ok: vm0 0.1 s before');
    expect(judged(step, seen({ startedAtMs: 800 }, { rotation }), 5000)).toBe(
      'failed: vm0 still in rotation when it started',
    );
    expect(judged(step, seen({ startedAtMs: 800 }), 5000)).toBe('ok: vm0 was never in');
    expect(judged(step, seen({ startedAtMs: 800 }, { watched: new Set() }), 5000)).toMatch(/^failed: nobody knows/);
    expect(judged(step, seen(), 5000)).toBe('failed: it is scheduled');
  });

  it('of rotation takes the newest change', () => {
    const out: Step = { kind: 'expect', that: { kind: 'out', vm: 'vm0' }, withinMs: 1000 };
    const rotation = [{ vm: 'vm0', isIn: true, atMs: 10 }];
    expect(judged(out, seen({}, { rotation }), 500)).toBe('wait');
    expect(judged(out, seen({}, { rotation: [...rotation, { vm: 'vm0', isIn: false, atMs: 20 }] }), 500)).toBe('ok');
  });
});

describe('a prohibition', () => {
  const step: Step = { kind: 'never', that: { kind: 'started', event: 'e' }, forMs: 10_000 };

  it('holds for its time, and no longer', () => {
    expect(judged(step, seen(), 9999)).toBe('wait');
    expect(judged(step, seen(), 10_000)).toBe('ok');
    expect(judged(step, seen({ startedAtMs: 4000 }), 4000)).toBe('failed: it happened after 4 s');
    expect(judged(step, seen({ startedAtMs: 10_500 }), 10_600)).toBe('ok');
  });
});

describe('a timeline', () => {
  it('goes on from when a step was over, not from when somebody looked', () => {
    const steps: Step[] = [approvedWithin20s, { kind: 'wait', ms: 1000 }];
    const state = beginTimeline({ name: 's', description: '', clock: 'real', steps }, 0);
    const observation = seen({ approvals: [{ by: 'vm0', atMs: 500 }] });
    expect(followTimeline(state, observation, 1400)).toMatchObject({ kind: 'wait', untilMs: 1500 });
    expect(followTimeline(state, observation, 1500)).toMatchObject({ kind: 'done' });
  });

  it('skips everything after the first failure', () => {
    const steps: Step[] = [
      { kind: 'cancel', event: 'e' },
      { kind: 'wait', ms: 1000 },
    ];
    const first = followTimeline(beginTimeline({ name: 's', description: '', clock: 'real', steps }, 0), seen(), 0);
    expect(first).toMatchObject({ kind: 'perform', verb: { kind: 'cancel', event: 'e' } });
    const state = performed(first.state, 'it has started', 5);
    expect(followTimeline(state, seen(), 5).state.results.map((result) => result.outcome)).toEqual([
      'failed',
      'skipped',
    ]);
  });
});
