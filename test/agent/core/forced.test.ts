import { describe, expect, it } from 'vitest';
import type { AgreementRecord } from '../../../common/agreement/record.ts';
import { PLAIN_POLICY } from '../../../agent/core/policy.ts';
import type { CoreSettings } from '../../../agent/core/state.ts';
import { event, fresh, inRotation, recordOf, type Bench } from './bench.ts';
import { coordinate } from './coordinate.ts';

const names = ['vm_0', 'vm_1'];
const shown = event({ resources: names });
const word = { by: 'alice', reason: 'vm_1 is gone for good' };

/** A VM whose drain never ends, and a second one that was never heard of; `step` lets two seconds pass. */
function draining(settings: Partial<CoreSettings> = {}): {
  readonly bench: Bench;
  readonly step: (change?: Partial<AgreementRecord>) => AgreementRecord;
} {
  const bench = inRotation({ hasCoordinator: true, ...settings });
  bench.hookFails = 'ready';
  const record = recordOf(names, {});
  const coordinator = coordinate(bench, record);
  const step = (change: Partial<AgreementRecord> = {}): AgreementRecord => {
    const current = coordinator(change);
    bench.observe({ kind: 'record', record: current });
    for (let index = 0; index < 3; index++) {
      bench.pass(1000, () => bench.poll([shown]));
      coordinator();
    }
    return coordinator();
  };
  step();
  expect(bench.promise()).toBe('binding');
  return { bench, step };
}

const forcedNow = (): Partial<AgreementRecord> => ({ forced: { hash: recordOf(names, {}).hash, ...word, atMs: 1 } });

describe('an event that an operator forces', () => {
  it('is approved by a VM that still drains: after a fresh read, with an intent in the record', () => {
    const { bench, step } = draining();
    expect(bench.count('read-fresh')).toBe(0);
    step(forcedNow());
    const read = bench.actions.find((action) => action.kind === 'read-fresh');
    if (read?.kind !== 'read-fresh') throw new Error('no fresh read was asked for');
    expect(bench.count('post')).toBe(0);
    bench.observe(fresh(read.token, [shown]));
    expect(bench.count('post')).toBe(0);
    expect(step().phase).toBe('intent');
    expect(bench.count('post')).toBe(1);
    expect(bench.actions).toContainEqual(
      expect.objectContaining({ activity: 'intent', detail: 'forced by alice; approving in term 1' }),
    );
  });

  it('is also approved by a VM whose policy leaves events to NotBefore', () => {
    const never = { ...PLAIN_POLICY, rules: [{ name: 'never', match: {}, decision: { approve: 'never' as const } }] };
    const { bench, step } = draining({ policy: never });
    step(forcedNow());
    expect(bench.count('read-fresh')).toBe(1);
  });

  it('is not approved when the fresh read shows other VMs', () => {
    const { bench, step } = draining();
    step(forcedNow());
    const read = bench.actions.find((action) => action.kind === 'read-fresh');
    if (read?.kind !== 'read-fresh') throw new Error('no fresh read was asked for');
    bench.observe(fresh(read.token, [event({ resources: [...names, 'vm_2'] })]));
    expect(bench.count('post')).toBe(0);
  });

  it('is not approved on a word about other VMs', () => {
    const { bench, step } = draining();
    step({ forced: { hash: 'of another set', ...word, atMs: 1 } });
    expect(bench.count('read-fresh')).toBe(0);
    expect(bench.count('post')).toBe(0);
  });
});

it('a report tells NotBefore besides', () => {
  const { bench } = draining();
  const report = bench.actions.find((action) => action.kind === 'submit' && action.command.kind === 'report');
  expect(report).toMatchObject({ command: { notBeforeMs: 900_000 } });
});
