import { describe, expect, it } from 'vitest';
import { Lanes } from '../../../scheduler/engine/lanes.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function lanesOf(count: number) {
  const clock = new FakeClock();
  const lanes = new Lanes(clock);
  const begun: number[] = [];
  for (let index = 0; index < count; index++) {
    lanes.enter('a', () => {
      begun.push(index);
      return true;
    });
  }
  return { clock, lanes, begun };
}

describe('a lane', () => {
  it('begins sixty-four at once, and one more whenever one is over', () => {
    const { lanes, begun } = lanesOf(100);
    expect(begun).toHaveLength(64);
    for (let index = 0; index < 10; index++) lanes.leave('a');
    expect(begun).toEqual(Array.from({ length: 74 }, (_none, index) => index));
  });

  it('begins as many again when none is over for 25 ms, and again', async () => {
    const { clock, lanes, begun } = lanesOf(200);
    await clock.advance(24);
    expect(begun).toHaveLength(64);
    await clock.advance(1);
    expect(begun).toHaveLength(128);
    // One that ends shows that the target is not that slow.
    await clock.advance(20);
    lanes.leave('a');
    await clock.advance(24);
    expect(begun).toHaveLength(129);
    await clock.advance(100);
    expect(begun).toHaveLength(200);
  });

  it('passes over those that are no longer wanted, however many', () => {
    const lanes = new Lanes(new FakeClock());
    const begun: string[] = [];
    const enter = (name: string, isWanted: boolean): void => {
      lanes.enter('a', () => {
        if (isWanted) begun.push(name);
        return isWanted;
      });
    };
    for (let index = 0; index < 64; index++) enter('first', true);
    for (let index = 0; index < 100_000; index++) enter('dropped', false);
    enter('last', true);
    lanes.leave('a');
    expect(begun).toHaveLength(65);
    expect(begun.at(-1)).toBe('last');
    for (let index = 0; index < 64; index++) lanes.leave('a');
    // It is empty, and as new.
    for (let index = 0; index < 65; index++) enter('new', true);
    expect(begun.filter((name) => name === 'new')).toHaveLength(64);
  });

  it('holds up no other', () => {
    const { lanes } = lanesOf(100);
    let hasBegun = false;
    lanes.enter('b', () => {
      hasBegun = true;
      return true;
    });
    expect(hasBegun).toBe(true);
  });
});
