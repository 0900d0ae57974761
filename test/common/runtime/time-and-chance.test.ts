import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../../common/runtime/backoff.ts';
import { systemClock } from '../../../common/runtime/clock.ts';
import { seededRandom, systemRandom } from '../../../common/runtime/random.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('backoff', () => {
  it('doubles, is spread over the upper half, and stays below its limit', () => {
    const limits = { baseMs: 100, maxMs: 5000 };
    fc.assert(
      fc.property(fc.nat(100), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, fraction) => {
        const ceiling = Math.min(5000, 100 * 2 ** attempt);
        const ms = backoffMs(attempt, limits, fraction);
        expect(ms).toBeGreaterThanOrEqual(Math.floor(ceiling / 2));
        expect(ms).toBeLessThanOrEqual(ceiling);
      }),
    );
  });
});

describe('random sources', () => {
  it('repeat from a seed and differ between seeds', () => {
    const draw = (seed: number): string => {
      const random = seededRandom(seed);
      return `${random.uuid()} ${random.fraction()}`;
    };
    expect(draw(1)).toBe(draw(1));
    expect(draw(1)).not.toBe(draw(2));
  });

  it.each([seededRandom(7), systemRandom])('give fractions in [0, 1) and well-formed UUIDs', (random) => {
    const fractions = Array.from({ length: 1000 }, () => random.fraction());
    expect(fractions.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
    expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('clocks', () => {
  it('end a sleep at once when its signal aborts', async () => {
    for (const clock of [systemClock, new FakeClock()]) {
      const controller = new AbortController();
      const slept = clock.sleep(3_600_000, controller.signal);
      controller.abort();
      expect(await slept).toBe(false);
      expect(await clock.sleep(3_600_000, controller.signal)).toBe(false);
    }
  });

  it('of tests fire timers in the order of their time and let them cancel', async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    clock.after(20, () => fired.push('second'));
    clock.after(10, () => fired.push('first'));
    clock.after(15, () => fired.push('never'))();
    await clock.advance(30);
    expect(fired).toEqual(['first', 'second']);
  });
});
