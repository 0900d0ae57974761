import { describe, expect, it } from 'vitest';
import { Lanes } from '../../../scheduler/engine/lanes.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** What waits in a lane. False: it is no longer wanted. */
interface One {
  readonly begin: () => boolean;
}

/** Into the lane `a`; `begin` is given what leaves it. */
function enter(lanes: Lanes<One>, begin: (leave: () => void) => boolean): void {
  const one: One = {
    begin: () =>
      begin(() => {
        lanes.leave('a', one);
      }),
  };
  lanes.enter('a', one);
}

function lanesOf(count: number) {
  const clock = new FakeClock();
  const begun: number[] = [];
  const leaves: (() => void)[] = [];
  const lanes = new Lanes<One>(clock, (one) => one.begin());
  for (let index = 0; index < count; index++) {
    enter(lanes, (leave) => {
      begun.push(index);
      leaves.push(leave);
      return true;
    });
  }
  return { clock, lanes, begun, leaves };
}

describe('a lane', () => {
  it('begins sixty-four at once, and one more whenever one is over', () => {
    const { begun, leaves } = lanesOf(100);
    expect(begun).toHaveLength(64);
    for (const leave of leaves.slice(0, 10)) leave();
    expect(begun).toEqual(Array.from({ length: 74 }, (_none, index) => index));
  });

  it('begins as many again when none is over for 25 ms, and again', async () => {
    const { clock, begun, leaves } = lanesOf(200);
    await clock.advance(24);
    expect(begun).toHaveLength(64);
    await clock.advance(1);
    expect(begun).toHaveLength(128);
    // One that ends shows that the target is not that slow.
    await clock.advance(20);
    leaves[0]?.();
    await clock.advance(24);
    expect(begun).toHaveLength(129);
    await clock.advance(100);
    expect(begun).toHaveLength(200);
  });

  it('comes back to sixty-four once its target answers quickly', async () => {
    const { clock, begun, leaves } = lanesOf(400);
    await clock.advance(25);
    expect(begun).toHaveLength(128);
    // These took long, so each makes room for another.
    for (const leave of leaves.slice(0, 10)) leave();
    expect(begun).toHaveLength(138);
    // These did not: as many as were added end before one more begins.
    await clock.advance(5);
    for (const leave of leaves.slice(64, 128)) leave();
    expect(begun).toHaveLength(138);
    leaves[128]?.();
    expect(begun).toHaveLength(139);
  });

  it('passes over those that are no longer wanted, however many', () => {
    const { lanes } = lanesOf(0);
    const begun: string[] = [];
    const leaves: (() => void)[] = [];
    const enterNamed = (name: string, isWanted: boolean): void => {
      enter(lanes, (leave) => {
        if (isWanted) {
          begun.push(name);
          leaves.push(leave);
        }
        return isWanted;
      });
    };
    for (let index = 0; index < 64; index++) enterNamed('first', true);
    for (let index = 0; index < 100_000; index++) enterNamed('dropped', false);
    enterNamed('last', true);
    leaves[0]?.();
    expect(begun).toHaveLength(65);
    expect(begun.at(-1)).toBe('last');
    for (const leave of leaves.slice(1)) leave();
    // It is empty, and as new.
    for (let index = 0; index < 65; index++) enterNamed('new', true);
    expect(begun.filter((name) => name === 'new')).toHaveLength(64);
  });

  it('gives the places of those that have been under way for a second to others, though some end all the time', async () => {
    const { clock, lanes, begun, leaves } = lanesOf(63);
    const quick: (() => void)[] = [];
    let most = 0;
    const enterQuick = (): void => {
      enter(lanes, (leave) => {
        quick.push(leave);
        most = Math.max(most, quick.length);
        return true;
      });
    };
    for (let index = 0; index < 400; index++) enterQuick();
    for (let step = 0; step < 120; step++) {
      await clock.advance(10);
      for (const leave of quick.splice(0)) leave();
    }
    expect(begun).toHaveLength(63);
    expect(most).toBe(64);
    // When they are over at last they have no place to give.
    for (let index = 0; index < 100; index++) enterQuick();
    const before = quick.length;
    for (const leave of leaves) leave();
    expect(quick.length).toBe(before);
  });

  it('holds up no other', () => {
    const { lanes } = lanesOf(100);
    let hasBegun = false;
    lanes.enter('b', {
      begin: () => {
        hasBegun = true;
        return true;
      },
    });
    expect(hasBegun).toBe(true);
  });
});
