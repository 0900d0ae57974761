import { describe, expect, it } from 'vitest';
import { PLAIN_POLICY } from '../../../agent/core/policy.ts';
import { statusOf } from '../../../agent/status/status.ts';
import { Bench, event, lastDurable, prepared, recordOf } from './bench.ts';

describe('boot', () => {
  it('stays out until the metadata service has answered', () => {
    const bench = new Bench();
    bench.observe({ kind: 'tick' });
    bench.fail();
    expect(bench.isIn()).toBe(false);
    bench.poll([]);
    expect(bench.isIn()).toBe(true);
  });

  it('stays out until the coordinator has told what was promised before', () => {
    const bench = new Bench({ hasCoordinator: true });
    bench.poll([]);
    bench.observe({ kind: 'connected' });
    expect(bench.isIn()).toBe(false);
    bench.observe({ kind: 'records', id: bench.state.coordinator.reconcile?.id ?? -1, records: [] });
    expect(bench.isIn()).toBe(true);
  });

  it('takes up a promise that only the coordinator remembers, and continues its numbers', () => {
    const bench = new Bench({ hasCoordinator: true });
    bench.poll([]);
    bench.observe({ kind: 'connected' });
    const record = recordOf(['vm_0', 'vm_1'], { vm_0: { promise: 'prepared', number: 41 } });
    bench.observe({ kind: 'records', id: bench.state.coordinator.reconcile?.id ?? -1, records: [record] });
    expect(bench.isIn()).toBe(false);
    expect(bench.state.events['E1']?.promise).toMatchObject({ promise: 'prepared', number: 42 });
    bench.pass(9000, () => bench.poll([]));
    expect(bench.isIn()).toBe(false);
    bench.pass(3000, () => bench.poll([]));
    expect(bench.isIn()).toBe(true);
  });

  it('leaves promises of another machine with the same name to that machine', () => {
    const bench = new Bench({ hasCoordinator: true });
    bench.poll([]);
    bench.observe({ kind: 'connected' });
    const record = recordOf(['vm_0'], { vm_0: { promise: 'prepared', number: 41, vmId: 'another' } });
    bench.observe({ kind: 'records', id: bench.state.coordinator.reconcile?.id ?? -1, records: [record] });
    expect(bench.isIn()).toBe(true);
  });

  it('keeps the promises of its journal although the document does not show the event at first', () => {
    const before = prepared();
    const durable = lastDurable(before);
    const bench = new Bench({}, durable);
    bench.poll([]);
    expect(bench.isIn()).toBe(false);
    bench.pass(11_000, () => bench.poll([]));
    expect(bench.isIn()).toBe(true);
  });

  it('opens after a minute, loudly, when nothing can be reached and nothing is known', () => {
    const bench = new Bench({ hasCoordinator: true });
    bench.pass(59_000, () => bench.fail());
    expect(bench.isIn()).toBe(false);
    bench.pass(2000, () => bench.fail());
    expect(bench.isIn()).toBe(true);
    expect(bench.actions.some((action) => action.kind === 'log' && action.level === 'error')).toBe(true);
  });

  it('never opens blindly while the journal knows a promise', () => {
    const bench = new Bench({ hasCoordinator: true }, lastDurable(prepared()));
    bench.pass(600_000, () => bench.fail());
    expect(bench.isIn()).toBe(false);
  });

  it('opens without the coordinator once no event has named it for as long as one may stay hidden', () => {
    const bench = new Bench({ hasCoordinator: true });
    bench.pass(299_000, () => bench.poll([]));
    expect(bench.isIn()).toBe(false);
    bench.pass(3000, () => bench.poll([]));
    expect(bench.isIn()).toBe(true);
  });

  it('stays in rotation when only the agent was restarted there, also while nobody answers it', () => {
    const bench = new Bench({ hasCoordinator: true }, undefined, { isContinued: true });
    bench.observe({ kind: 'tick' });
    bench.fail();
    expect(bench.isIn()).toBe(true);
    // What it has yet to learn is no reason to be out.
    expect(statusOf(bench.state, 0, { warnings: [], dryRun: false })).toMatchObject({ inRotation: true, reasons: [] });
  });

  it('leaves rotation for an event that it meets after such a restart, and for a promise that it had given', () => {
    const bench = new Bench({}, undefined, { isContinued: true });
    bench.poll([event()]);
    expect(bench.isIn()).toBe(false);
    const promised = new Bench({}, lastDurable(prepared()), { isContinued: true });
    promised.observe({ kind: 'tick' });
    expect(promised.isIn()).toBe(false);
  });
});

describe('boot without a journal', () => {
  it('believes no single document that names nothing: it waits as long as for the end of an event', () => {
    const bench = new Bench({}, null);
    bench.poll([]);
    expect(bench.isIn()).toBe(false);
    bench.pass(9000, () => bench.poll([]));
    expect(bench.isIn()).toBe(false);
    bench.pass(1000, () => bench.poll([]));
    expect(bench.isIn()).toBe(true);
  });

  it('does not count time in which nobody looked', () => {
    const bench = new Bench({}, null);
    bench.poll([]);
    bench.nowMs += 50_000;
    bench.poll([]);
    expect(bench.isIn()).toBe(false);
  });

  it('takes an event that comes up meanwhile for one of its own', () => {
    const bench = new Bench({}, null);
    bench.pass(6000, () => bench.poll([]));
    bench.poll([event()]);
    expect(bench.isIn()).toBe(false);
    bench.pass(3000, () => bench.poll([event()]));
    expect(bench.promise()).toBe('prepared');
  });

  it('stays out for an event that it finds, whatever the policy: it may have approved it in a life that it has forgotten', () => {
    const policy = { ...PLAIN_POLICY, rules: [{ name: 'late', match: {}, decision: { when: 'late' as const } }] };
    const bench = new Bench({ policy }, null);
    bench.pass(5000, () => bench.poll([event()]));
    expect(bench.isIn()).toBe(false);
    const known = new Bench({ policy });
    known.pass(5000, () => known.poll([event()]));
    expect(known.isIn()).toBe(true);
  });

  it('believes a document that shows events of others', () => {
    const bench = new Bench({}, null);
    bench.poll([event({ resources: ['vm_1'] })]);
    expect(bench.isIn()).toBe(true);
  });
});
