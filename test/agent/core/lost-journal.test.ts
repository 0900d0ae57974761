import { describe, expect, it } from 'vitest';
import type { AgreementRecord } from '../../../common/agreement/record.ts';
import { PLAIN_POLICY } from '../../../agent/core/policy.ts';
import type { CoreSettings } from '../../../agent/core/state.ts';
import { Bench, event, inRotation, lastDurable, prepared, recordOf } from './bench.ts';

const names = ['vm_0', 'vm_1'];

/** What the coordinator remembers: a promise, made when documents had this incarnation. */
function remembered(incarnation: number, resources = names): AgreementRecord {
  const record = recordOf(resources, { vm_0: { promise: 'prepared', number: 7 } });
  const copy = record.members['vm_0'];
  return { ...record, members: copy === undefined ? {} : { vm_0: { ...copy, incarnation } } };
}

function reconcile(bench: Bench, records: readonly AgreementRecord[]): void {
  bench.observe({ kind: 'connected' });
  bench.observe({ kind: 'records', id: bench.state.coordinator.reconcile?.id ?? -1, records });
}

/** A VM without a journal that has learnt from the coordinator what it promised. */
function reminded(record: AgreementRecord, settings: Partial<CoreSettings> = {}): Bench {
  const bench = new Bench({ hasCoordinator: true, ...settings }, null);
  reconcile(bench, [record]);
  return bench;
}

describe('a VM that has lost its journal', () => {
  it('does not take a document from before its promise for the end of the event', () => {
    const bench = reminded(remembered(5));
    bench.pass(60_000, () => bench.poll([], 4));
    expect(bench.isIn()).toBe(false);
    bench.pass(12_000, () => bench.poll([], 6));
    expect(bench.isIn()).toBe(true);
  });

  it('waits five minutes where incarnations begin again', () => {
    const bench = reminded(remembered(5));
    bench.pass(290_000, () => bench.poll([], 1));
    expect(bench.isIn()).toBe(false);
    bench.pass(25_000, () => bench.poll([], 1));
    expect(bench.isIn()).toBe(true);
  });

  it('is not kept out by the incarnation of what is over', () => {
    const bench = reminded({ ...remembered(5), phase: 'ended' });
    bench.pass(12_000, () => bench.poll([], 2));
    expect(bench.isIn()).toBe(true);
  });

  it('still has none after it died before it had learnt what it promised', () => {
    const bench = new Bench({ hasCoordinator: true }, null);
    bench.poll([], 3);
    const durable = lastDurable(bench);
    const again = new Bench({ hasCoordinator: true }, durable);
    reconcile(again, []);
    again.poll([], 3);
    expect(again.isIn()).toBe(false);
    again.pass(12_000, () => again.poll([], 3));
    expect(again.isIn()).toBe(true);
    expect(lastDurable(again).isPartial).toBeUndefined();
  });

  it('stays out for what it promised although the event has started since and its operator would only be told', () => {
    const decision = { consequence: 'notify' } as const;
    const policy = { ...PLAIN_POLICY, rules: [{ name: 'any', match: {}, decision }] };
    const bench = new Bench({ hasCoordinator: true, policy }, null);
    const started = event({ resources: names, status: 'Started', notBeforeMs: undefined });
    bench.poll([started], 6);
    reconcile(bench, [remembered(5)]);
    bench.pass(5000, () => bench.poll([started], 6));
    expect(bench.isIn()).toBe(false);
    bench.pass(12_000, () => bench.poll([], 7));
    expect(bench.isIn()).toBe(true);
  });

  it.each([
    ['the coordinator remembers', (): Bench => reminded(remembered(5, ['vm_0']))],
    [
      'it sees before it has learnt anything',
      (): Bench => {
        const bench = new Bench({ hasCoordinator: true }, null);
        bench.poll([event()]);
        reconcile(bench, []);
        return bench;
      },
    ],
  ])('may have approved an event that names it alone, which %s: nobody takes that back', (_which, boot) => {
    const bench = boot();
    bench.observe({ kind: 'withdraw', eventId: 'E1' });
    const reply = bench.actions.find((action) => action.kind === 'reply.withdrawn');
    expect(reply).toMatchObject({ ok: false, detail: expect.stringContaining('may be under way') as unknown });
  });
});

describe('a VM with a journal', () => {
  it('goes by the incarnation in it', () => {
    const bench = new Bench({ hasCoordinator: true }, lastDurable(prepared()));
    reconcile(bench, [remembered(50, ['vm_0'])]);
    bench.pass(12_000, () => bench.poll([], 2));
    expect(bench.isIn()).toBe(true);
  });

  it('tells the coordinator how far the documents had come', () => {
    const bench = inRotation({ hasCoordinator: true });
    bench.poll([event({ resources: names })], 9);
    const submit = bench.actions.find((action) => action.kind === 'submit');
    expect(submit).toMatchObject({ command: { kind: 'report', incarnation: 9 } });
  });

  it('leaves for an event in an older document than it has read, and promises nothing on it', () => {
    const bench = inRotation();
    bench.poll([], 5);
    bench.pass(20_000, () => bench.poll([event()], 3));
    expect([bench.isIn(), bench.promise()]).toEqual([false, 'binding']);
    bench.pass(5000, () => bench.poll([event()], 6));
    expect(bench.promise()).toBe('prepared');
  });

  it('believes a count that began again five minutes ago', () => {
    const bench = inRotation();
    bench.poll([], 5);
    bench.pass(310_000, () => bench.poll([event()], 2));
    expect(bench.promise()).toBe('prepared');
  });
});
