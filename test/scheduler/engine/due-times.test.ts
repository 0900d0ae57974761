import { expect, it } from 'vitest';
import { DueTimes } from '../../../scheduler/engine/due-times.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** What waits are calls. */
function callsOf(clock: FakeClock): DueTimes<() => void> {
  return new DueTimes(clock, (call) => {
    call();
  });
}

it('what waits for one instant is called together, in its order, and what is past at once', async () => {
  const clock = new FakeClock();
  const dueTimes = callsOf(clock);
  const called: string[] = [];
  dueTimes.at(clock.now(), () => called.push('now'));
  expect(called).toEqual(['now']);
  for (const name of ['a', 'b']) dueTimes.at(clock.now() + 500, () => called.push(name));
  dueTimes.at(clock.now() + 200, () => called.push('sooner'));
  await clock.advance(499);
  expect(called).toEqual(['now', 'sooner']);
  await clock.advance(1);
  expect(called).toEqual(['now', 'sooner', 'a', 'b']);
});

it('a wall clock that is set back makes it wait for its instant all the same', async () => {
  const clock = new FakeClock();
  const dueTimes = callsOf(clock);
  let isCalled = false;
  dueTimes.at(clock.now() + 500, () => {
    isCalled = true;
  });
  clock.jump(-1000);
  await clock.advance(500);
  expect(isCalled).toBe(false);
  await clock.advance(1000);
  expect(isCalled).toBe(true);
});

it('a wall clock that was set back and is set right again does not keep it waiting for longer than a second', async () => {
  const clock = new FakeClock();
  const dueTimes = callsOf(clock);
  let isCalled = false;
  dueTimes.at(clock.now() + 500, () => {
    isCalled = true;
  });
  clock.jump(-3_600_000);
  await clock.advance(500);
  clock.jump(3_600_000);
  await clock.advance(1000);
  expect(isCalled).toBe(true);
});
