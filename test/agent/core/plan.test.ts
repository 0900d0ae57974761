import { describe, expect, it } from 'vitest';
import { PLAIN_POLICY, type Decision, type PolicySettings } from '../../../agent/core/policy.ts';
import type { CoreSettings } from '../../../agent/core/state.ts';
import { Bench, event, inRotation, lastDurable, recordOf } from './bench.ts';
import { coordinate } from './coordinate.ts';

const always = (decision: Partial<Decision>, change: Partial<PolicySettings> = {}): Partial<CoreSettings> => ({
  policy: { ...PLAIN_POLICY, ...change, rules: [{ name: 'r', match: {}, decision }] },
});
const FAR_MS = 3 * 86_400_000;
const started = event({ status: 'Started', notBeforeMs: undefined });
const alone = (bench: Bench, ms: number, change: Parameters<typeof event>[0] = {}): void =>
  bench.pass(ms, () => bench.poll([event(change)]));

describe('a VM whose operator consents', () => {
  it('stays in service, says so, and approves what names it alone', () => {
    const bench = inRotation(always({ consequence: 'consent' }));
    alone(bench, 2000);
    expect(bench.promise()).toBe('consented');
    expect(bench.isIn()).toBe(true);
    expect(bench.count('drain.start')).toBe(0);
    expect(bench.count('read-fresh')).toBe(1);
    bench.poll([started]);
    bench.pass(20_000, () => bench.poll([]));
    expect(bench.state.events).toEqual({});
    expect(bench.isIn()).toBe(true);
    expect(bench.hooks()).toEqual(['seen', 'started']);
  });

  it('approves nothing where it may not be approved', () => {
    const bench = inRotation(always({ consequence: 'consent', approve: 'never' }));
    alone(bench, 5000);
    expect(bench.promise()).toBe('binding');
    expect(bench.count('read-fresh')).toBe(0);
    expect(bench.isIn()).toBe(true);
  });
});

describe('a VM whose operator only wants to be told', () => {
  it('stays in service through the whole event and agrees to nothing', () => {
    const bench = inRotation(always({ consequence: 'notify' }));
    alone(bench, 5000);
    bench.poll([started]);
    bench.pass(5000, () => bench.poll([started]));
    expect(bench.isIn()).toBe(true);
    expect(bench.promise()).toBe('binding');
    expect(bench.hooks()).toEqual(['seen', 'started']);
  });

  it('lets the others of the event know, who go on without waiting for it', () => {
    const bench = inRotation({ ...always({ consequence: 'notify' }), hasCoordinator: true });
    const names = ['vm_0', 'vm_1'];
    const coordinator = coordinate(bench, recordOf(names, {}));
    bench.pass(5000, () => {
      bench.poll([event({ resources: names })]);
      coordinator();
    });
    expect(coordinator()).toMatchObject({ phase: 'aborted', members: { vm_0: { promise: 'withdrawn' } } });
    expect(bench.isIn()).toBe(true);
  });
});

describe('leaving late', () => {
  // 1 s for the balancers, 30 s to drain, 30 s for hooks, 10 s to agree, and 5 s.
  it('begins at NotBefore minus what getting ready takes', () => {
    const bench = inRotation(always({ when: 'late' }));
    alone(bench, 823_000);
    expect(bench.isIn()).toBe(true);
    expect(bench.promise()).toBe('binding');
    alone(bench, 4000);
    expect(bench.isIn()).toBe(false);
    expect(bench.promise()).toBe('prepared');
    expect(bench.hooks()).toEqual(['seen', 'prepare', 'ready']);
  });

  it.each([
    ['forward', 3_600_000, 1000],
    ['back', -3_600_000, 826_000],
  ])('is not too late when the wall clock is set an hour %s', (_name, errorMs, withinMs) => {
    const bench = inRotation(always({ when: 'late' }));
    bench.poll([event()]);
    bench.wallErrorMs = errorMs;
    bench.pass(withinMs, () => bench.poll([event()]));
    expect(bench.isIn()).toBe(false);
  });

  it('happens at once when the event starts before', () => {
    const bench = inRotation(always({ when: 'late' }));
    alone(bench, 5000);
    bench.poll([started]);
    expect(bench.isIn()).toBe(false);
  });

  it('is what happens where nobody may approve: out early would be out for nothing', () => {
    const bench = inRotation(always({ approve: 'never' }));
    alone(bench, 5000);
    expect(bench.isIn()).toBe(true);
    alone(bench, 824_000);
    expect(bench.isIn()).toBe(false);
    expect(bench.promise()).toBe('binding');
    expect(bench.hooks()).toContain('ready');
    expect(bench.count('read-fresh')).toBe(0);
  });

  it('is what happens outside the window, and leaving at once inside it', () => {
    const window = { fromMinute: 2, toMinute: 4, zone: 'UTC', weekdays: undefined };
    const bench = inRotation(always({ when: window }));
    alone(bench, 119_000);
    expect(bench.isIn()).toBe(true);
    alone(bench, 2000);
    expect(bench.isIn()).toBe(false);
  });
});

describe('an event that is announced days ahead', () => {
  const far = event({ notBeforeMs: FAR_MS, resources: ['vm_0', 'vm_1'] });

  it('keeps the VM in service while agreement is out of reach', () => {
    const bench = new Bench({ hasCoordinator: true });
    bench.poll([]);
    bench.observe({ kind: 'connected' });
    bench.observe({ kind: 'records', id: bench.state.coordinator.reconcile?.id ?? -1, records: [] });
    bench.observe({ kind: 'disconnected' });
    bench.pass(60_000, () => bench.poll([far]));
    expect(bench.isIn()).toBe(true);
    bench.observe({ kind: 'connected' });
    bench.observe({ kind: 'records', id: bench.state.coordinator.reconcile?.id ?? -1, records: [] });
    bench.poll([far]);
    expect(bench.isIn()).toBe(false);
  });

  it('does not keep it out for days: it takes its promise back by the coordinator’s word, and leaves late', () => {
    const bench = inRotation({ hasCoordinator: true });
    const coordinator = coordinate(bench, recordOf(['vm_0', 'vm_1'], { vm_1: { promise: 'binding', number: 1 } }));
    const pass = (ms: number): void =>
      bench.pass(ms, () => {
        bench.poll([far]);
        coordinator();
      });
    pass(60_000);
    expect(bench.promise()).toBe('prepared');
    expect(coordinator().members['vm_0']?.promise).toBe('prepared');
    pass(15 * 60_000);
    expect(bench.isIn()).toBe(true);
    expect(coordinator().members['vm_0']?.promise).toBe('binding');
    pass(3_600_000);
    expect(bench.isIn()).toBe(true);
    bench.nowMs = FAR_MS - 70_000;
    pass(5000);
    expect(bench.isIn()).toBe(false);
  });

  it('keeps it out until the coordinator has taken the promise back', () => {
    const bench = inRotation({ hasCoordinator: true });
    const coordinator = coordinate(bench, recordOf(['vm_0', 'vm_1'], { vm_1: { promise: 'binding', number: 1 } }));
    bench.pass(60_000, () => {
      bench.poll([far]);
      coordinator();
    });
    bench.pass(3_600_000, () => bench.poll([far]));
    expect(bench.promise()).toBe('binding');
    expect(bench.isIn()).toBe(false);
    const again = new Bench({ hasCoordinator: true }, lastDurable(bench));
    again.pass(3_600_000, () => again.poll([far]));
    expect(again.isIn()).toBe(false);
  });

  it('keeps it out for good once somebody has intended to approve', () => {
    const bench = inRotation({ hasCoordinator: true });
    const record = { ...recordOf(['vm_0', 'vm_1'], {}), everIntent: true };
    const coordinator = coordinate(bench, record);
    bench.pass(3_600_000, () => {
      bench.poll([far]);
      coordinator();
    });
    expect(bench.isIn()).toBe(false);
  });
});

describe('an event that another VM is kept in service for', () => {
  it('lets this one come back, and leave again in time', () => {
    const bench = inRotation({ hasCoordinator: true });
    const names = ['vm_0', 'vm_1'];
    const coordinator = coordinate(bench, recordOf(names, { vm_1: { promise: 'binding', number: 1 } }));
    const pass = (ms: number): void =>
      bench.pass(ms, () => {
        bench.poll([event({ resources: names })]);
        const record = coordinator(bench.nowMs === 10_000 ? { phase: 'aborted' } : {});
        bench.observe({ kind: 'record', record });
      });
    pass(9000);
    expect(bench.isIn()).toBe(false);
    pass(10_000);
    expect(bench.isIn()).toBe(true);
    expect(bench.hooks()).toEqual(['seen', 'prepare', 'ready', 'restored']);
    bench.nowMs = 824_000;
    pass(4000);
    expect(bench.isIn()).toBe(false);
  });
});

describe('a coordinator that could lose what it was told', () => {
  it('takes no promise back: the VM stays out to the end of the event', () => {
    const bench = inRotation({ hasCoordinator: true });
    const far = event({ notBeforeMs: FAR_MS, resources: ['vm_0', 'vm_1'] });
    const coordinator = coordinate(
      bench,
      recordOf(['vm_0', 'vm_1'], { vm_1: { promise: 'binding', number: 1 } }),
      true,
    );
    bench.pass(3_600_000, () => {
      bench.poll([far]);
      coordinator();
    });
    expect(bench.isIn()).toBe(false);
    expect(bench.promise()).toBe('prepared');
    expect(coordinator().members['vm_0']?.promise).toBe('prepared');
    bench.pass(15_000, () => {
      bench.poll([]);
      coordinator();
    });
    expect(bench.isIn()).toBe(true);
  });
});
