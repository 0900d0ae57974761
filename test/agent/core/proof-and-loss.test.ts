import { describe, expect, it } from 'vitest';
import type { AgreementCommand } from '../../../common/agreement/command.ts';
import { event, inRotation, recordOf, type Bench } from './bench.ts';
import { coordinate } from './coordinate.ts';

describe('a proof that nothing could be promised on at once', () => {
  it('is made again before the promise, because a balancer may have forgotten the drain since', () => {
    const bench = inRotation();
    bench.poll([event()]);
    // The event is not to be seen for a moment: nothing is promised about it.
    bench.pass(3000, () => bench.poll([]));
    expect([bench.state.events['E1']?.preparation.step, bench.promise()]).toEqual(['proven', 'binding']);
    bench.isCooperative = false;
    bench.poll([event()]);
    expect([bench.state.events['E1']?.preparation.step, bench.promise()]).toEqual(['reread', 'binding']);
    const token = bench.state.rotation.readToken ?? -1;
    bench.observe({ kind: 'drain-read', token, clear: true, detail: '' });
    expect(bench.promise()).toBe('prepared');
  });
});

const names = ['vm_0', 'vm_1'];

function reported(bench: Bench): readonly AgreementCommand[] {
  return bench.actions.flatMap((action) =>
    action.kind === 'submit' && action.command.kind === 'report' ? [action.command] : [],
  );
}

/** A VM that has promised for an event of two, and been heard. */
function heard(): Bench {
  const bench = inRotation({ hasCoordinator: true });
  const coordinator = coordinate(bench, recordOf(names, {}));
  bench.poll([event({ resources: names })]);
  bench.pass(3000, () => {
    bench.poll([event({ resources: names })]);
    coordinator();
  });
  expect(bench.promise()).toBe('prepared');
  bench.actions = [];
  return bench;
}

describe('a store that has failed over', () => {
  it.each([
    ['has lost the newest report', { promise: 'binding', number: 1 } as const],
    ['has lost all reports', undefined],
  ])('and %s is told again', (_what, member) => {
    const bench = heard();
    bench.observe({ kind: 'record', record: recordOf(names, member === undefined ? {} : { vm_0: member }) });
    expect(reported(bench)).toMatchObject([{ promise: 'prepared', number: 2 }]);
  });

  it('and has no record any more is told again', () => {
    const bench = heard();
    const leading = (): number => {
      bench.pass(1000);
      const submit = bench.actions.find((action) => action.kind === 'submit');
      return submit?.kind === 'submit' ? submit.id : -1;
    };
    const refused = { kind: 'refused', reason: 'no-record' } as const;
    for (let index = 0; index < 10 && reported(bench).length === 0; index++)
      bench.observe({ kind: 'answer', id: leading(), outcome: refused, record: undefined });
    expect(reported(bench)).toMatchObject([{ promise: 'prepared', number: 2 }]);
  });
});

describe('a candidate that is refused', () => {
  it('asks again after 1.5 to 1.8 s, not always the same', () => {
    const bench = heard();
    const pauses: number[] = [];
    for (let step = 0; step < 400 && pauses.length < 20; step++) {
      bench.pass(100);
      const campaign = bench.actions.find((action) => action.kind === 'submit' && action.command.kind === 'campaign');
      bench.actions = [];
      if (campaign?.kind !== 'submit') continue;
      const outcome = { kind: 'refused', reason: 'lease-held' } as const;
      bench.observe({ kind: 'answer', id: campaign.id, outcome, record: undefined });
      pauses.push((bench.state.events['E1']?.lead.retryAtMs ?? 0) - bench.nowMs);
    }
    expect(pauses).toHaveLength(20);
    for (const pause of pauses) {
      expect(pause).toBeGreaterThanOrEqual(1500);
      expect(pause).toBeLessThanOrEqual(1800);
    }
    expect(new Set(pauses.map(Math.round)).size).toBeGreaterThan(3);
  });
});

describe('an event whose NotBefore moves', () => {
  it('is reported again as it was promised, so that its record says the new time', () => {
    const bench = heard();
    bench.poll([event({ resources: names, notBeforeMs: 1_200_000 })]);
    bench.poll([event({ resources: names, notBeforeMs: 1_200_000 })]);
    expect(reported(bench)).toMatchObject([{ promise: 'prepared', number: 3, notBeforeMs: 1_200_000 }]);
  });
});

describe('an event that was ended and is here again', () => {
  it('is promised for under a new number by whoever has stayed out', () => {
    const bench = heard();
    const copy = { vmId: 'id0', number: 2, hash: recordOf(names, {}).hash, deadlineReached: false };
    const record = { ...recordOf(names, {}), members: { vm_0: { ...copy, promise: 'released' as const } } };
    bench.observe({ kind: 'record', record: { ...record, phase: 'ended' } });
    expect(reported(bench)).toEqual([]);
    bench.observe({ kind: 'record', record });
    expect(reported(bench)).toMatchObject([{ promise: 'prepared', number: 3 }]);
  });
});
