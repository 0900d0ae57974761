import { describe, expect, it } from 'vitest';
import { createOperator } from '../../agent/operator.ts';
import type { Observation } from '../../agent/core/observation.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { inRotation } from './core/bench.ts';

function desk() {
  const bench = inRotation();
  const clock = new FakeClock(0);
  const seen: Observation[] = [];
  const shell = {
    observe: (observation: Observation): void => {
      seen.push(observation);
      bench.observe(observation);
    },
    state: () => bench.state,
  };
  return { bench, clock, seen, operator: createOperator(shell, clock) };
}

describe("the operator's orders", () => {
  it('take the VM out and bring it back, again and again', () => {
    const { bench, operator } = desk();
    expect(operator.restore()).toBe(false);
    for (let round = 0; round < 2; round++) {
      operator.drain('kernel', 60_000);
      expect(bench.state.rotation.state).not.toBe('in');
      expect(operator.restore()).toBe(true);
      expect(operator.restore()).toBe(false);
    }
  });

  it('end by themselves when their time is over', () => {
    const { bench, operator } = desk();
    operator.drain('kernel', 60_000);
    expect(Object.values(bench.state.maintenance)).toMatchObject([{ untilWallMs: 60_000, isReleased: false }]);
  });

  it('are told what came of a withdrawal, whatever the case of the id, or that there was no answer', async () => {
    const { clock, operator, seen } = desk();
    const asked = operator.withdraw('abc');
    expect(seen).toEqual([{ kind: 'withdraw', eventId: 'abc' }]);
    operator.withdrawn({ eventId: 'ABC', ok: true, detail: 'stays in service' });
    expect(await asked).toEqual({ ok: true, detail: 'stays in service' });
    const unanswered = operator.withdraw('abc');
    await clock.advance(8000);
    expect((await unanswered).ok).toBe(false);
  });
});
