import { describe, expect, it } from 'vitest';
import { PLAIN_POLICY, type Decision, type PolicySettings } from '../../../agent/core/policy.ts';
import type { CoreSettings } from '../../../agent/core/state.ts';
import { Bench, event, inRotation, lastDurable, recordOf } from './bench.ts';
import { coordinate } from './coordinate.ts';

const always = (decision: Partial<Decision>, change: Partial<PolicySettings> = {}): Partial<CoreSettings> => ({
  policy: { ...PLAIN_POLICY, ...change, rules: [{ name: 'r', match: {}, decision }] },
});
const started = event({ status: 'Started', notBeforeMs: undefined });
const alone = (bench: Bench, ms: number, change: Parameters<typeof event>[0] = {}): void =>
  bench.pass(ms, () => bench.poll([event(change)]));

describe('a minimum in service', () => {
  const settings = { hasCoordinator: true, policy: { ...PLAIN_POLICY, minimumInService: 2 } };

  it('is asked for, and waited for until it is there', () => {
    const bench = inRotation(settings);
    bench.poll([event()]);
    const ask = bench.actions.find((action) => action.kind === 'ask-leave');
    if (ask?.kind !== 'ask-leave') throw new Error('nobody was asked');
    expect(ask.minimum).toBe(2);
    expect(bench.actions).not.toContainEqual(expect.objectContaining({ activity: 'plan.waits' }));
    bench.observe({ kind: 'leave', id: ask.id, granted: false, detail: '1 other' });
    alone(bench, 4000);
    expect(bench.isIn()).toBe(true);
    expect(bench.actions).toContainEqual(
      expect.objectContaining({
        activity: 'plan.waits',
        detail: 'stays in service: 1 other; it leaves 14 min from now',
      }),
    );
    alone(bench, 2000);
    const again = bench.actions.findLast((action) => action.kind === 'ask-leave');
    if (again?.kind !== 'ask-leave') throw new Error('nobody was asked again');
    bench.observe({ kind: 'leave', id: again.id, granted: true, detail: '' });
    expect(bench.isIn()).toBe(false);
  });

  it('keeps nobody in service beyond NotBefore minus the budget', () => {
    const bench = inRotation(settings);
    alone(bench, 823_000);
    expect(bench.isIn()).toBe(true);
    alone(bench, 3000);
    expect(bench.isIn()).toBe(false);
  });
});

describe('a drain that fails', () => {
  const failing = (onFailure: 'hold' | 'approve'): Bench => {
    const bench = inRotation(always({ onFailure }));
    bench.hookFails = 'ready';
    alone(bench, 5000);
    return bench;
  };

  it('holds the promise, unless the operator wants to agree all the same', () => {
    expect(failing('hold').promise()).toBe('binding');
    const bench = failing('approve');
    expect(bench.promise()).toBe('prepared');
    expect(bench.state.events['E1']?.promise.deadlineReached).toBe(true);
    expect(bench.isIn()).toBe(false);
  });

  it('is never taken for one while a balancer has not even accepted that the VM is out', () => {
    const bench = inRotation(always({ onFailure: 'approve' }));
    bench.isCooperative = false;
    bench.poll([event()]);
    bench.pass(60_000, () => {
      bench.poll([event()]);
      bench.observe({ kind: 'persisted', revision: bench.state.revision });
      if (bench.state.rotation.isStarting) bench.observe({ kind: 'turned-away', ok: false, detail: 'refused' });
    });
    expect(bench.promise()).toBe('binding');
  });
});

describe('coming back after the impact instead of after the event', () => {
  const policy = always({ restoreAfterMs: 30_000 });

  it('waits for the impact of a freeze and the settling time, and says that it is weaker', () => {
    const bench = inRotation(policy);
    const freeze = { eventType: 'Freeze', durationSeconds: 10 };
    alone(bench, 3000, freeze);
    alone(bench, 39_000, { ...freeze, status: 'Started', notBeforeMs: undefined });
    expect(bench.isIn()).toBe(false);
    alone(bench, 3000, { ...freeze, status: 'Started', notBeforeMs: undefined });
    expect(bench.isIn()).toBe(true);
    expect(bench.actions).toContainEqual(expect.objectContaining({ kind: 'log', level: 'warn' }));
  });

  it('waits, for a reboot, until the agent was started anew', () => {
    const bench = inRotation(policy);
    alone(bench, 3000);
    bench.pass(120_000, () => bench.poll([started]));
    expect(bench.isIn()).toBe(false);
    const again = new Bench(policy, lastDurable(bench));
    again.pass(29_000, () => again.poll([started]));
    expect(again.isIn()).toBe(false);
    again.pass(3000, () => again.poll([started]));
    expect(again.isIn()).toBe(true);
  });
});

describe('a notice that is too short for everything', () => {
  it('is said at once, and the application prepares while the balancers are noticing', () => {
    const bench = inRotation({ detectionMs: 15_000, drainTimeoutMs: 60_000 });
    const preempt = { eventType: 'Preempt', notBeforeMs: 30_000 };
    bench.poll([event(preempt)]);
    expect(bench.actions).toContainEqual(expect.objectContaining({ activity: 'plan.tight' }));
    expect(bench.hooks()).toEqual(['seen', 'prepare']);
    const hook = bench.actions.find((action) => action.kind === 'hook' && action.phase === 'prepare');
    expect(hook).toMatchObject({ subject: { withinMs: 4500 } });
    alone(bench, 14_000, preempt);
    expect(bench.promise()).toBe('binding');
    alone(bench, 2000, preempt);
    expect(bench.promise()).toBe('prepared');
    expect(bench.nowMs).toBeLessThan(20_000);
  });
});

describe('keeping a VM in service by hand', () => {
  it('needs no coordinator where there is none, and lasts to the end of the event', () => {
    const bench = inRotation(always({ when: 'late' }));
    alone(bench, 2000);
    bench.observe({ kind: 'withdraw', eventId: 'e1' });
    expect(bench.promise()).toBe('withdrawn');
    expect(bench.actions).toContainEqual(expect.objectContaining({ kind: 'reply.withdrawn', ok: true }));
    alone(bench, 1_000_000);
    bench.pass(5000, () => bench.poll([started]));
    expect(bench.isIn()).toBe(true);
    bench.pass(12_000, () => bench.poll([]));
    expect(bench.state.events).toEqual({});
  });

  it('is refused once an approval was intended', () => {
    const bench = inRotation();
    alone(bench, 3000);
    expect(bench.state.events['E1']?.promise.localIntent).toBe(true);
    bench.observe({ kind: 'withdraw', eventId: 'E1' });
    expect(bench.actions).toContainEqual(expect.objectContaining({ kind: 'reply.withdrawn', ok: false }));
    expect(bench.isIn()).toBe(false);
  });

  it('is the coordinator’s to grant, and brings back a VM that has promised', () => {
    const bench = inRotation({ hasCoordinator: true });
    const names = ['vm_0', 'vm_1'];
    const coordinator = coordinate(bench, recordOf(names, {}));
    const pass = (ms: number): void =>
      bench.pass(ms, () => {
        bench.poll([event({ resources: names })]);
        coordinator();
      });
    pass(5000);
    expect(bench.promise()).toBe('prepared');
    bench.observe({ kind: 'withdraw', eventId: 'E1' });
    expect(bench.isIn()).toBe(false);
    pass(2000);
    expect(coordinator()).toMatchObject({ phase: 'aborted' });
    expect(bench.promise()).toBe('withdrawn');
    expect(bench.isIn()).toBe(true);
  });

  it('is refused while the coordinator cannot be reached, and for an event that nobody knows', () => {
    const bench = inRotation({ hasCoordinator: true });
    bench.poll([event({ resources: ['vm_0', 'vm_1'] })]);
    bench.observe({ kind: 'disconnected' });
    bench.observe({ kind: 'withdraw', eventId: 'E1' });
    bench.observe({ kind: 'withdraw', eventId: 'E9' });
    const replies = bench.actions.filter((action) => action.kind === 'reply.withdrawn');
    expect(replies).toHaveLength(2);
    expect(replies.every((reply) => reply.kind === 'reply.withdrawn' && !reply.ok)).toBe(true);
  });
});
