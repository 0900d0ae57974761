import { describe, expect, it } from 'vitest';
import { steppedClock } from '../../../emulator/clock/stepped-clock.ts';

describe('a stepped clock', () => {
  it('fires timers in the order of their time, at their time', async () => {
    const clock = steppedClock(1000);
    const fired: [string, number][] = [];
    clock.after(200, () => fired.push(['b', clock.now()]));
    clock.after(100, () => {
      fired.push(['a', clock.now()]);
      clock.after(50, () => fired.push(['from a', clock.now()]));
    });
    await clock.advance(300);
    expect(fired).toEqual([
      ['a', 1100],
      ['from a', 1150],
      ['b', 1200],
    ]);
    expect([clock.now(), clock.monotonic()]).toEqual([1300, 300]);
  });

  it('takes durations, and refuses what is none', async () => {
    const clock = steppedClock(0);
    await clock.advance('1m30s');
    expect(clock.now()).toBe(90_000);
    await expect(clock.advance('soon')).rejects.toMatchObject({ code: 'BAD_DURATION' });
    await expect(clock.advance(-1)).rejects.toMatchObject({ code: 'BAD_DURATION' });
  });

  it('stops a sleep that is aborted, and one that never needed to begin', async () => {
    const clock = steppedClock();
    const stopping = new AbortController();
    const slept = clock.sleep(1000, stopping.signal);
    stopping.abort();
    expect(await slept).toBe(false);
    expect(await clock.sleep(1000, stopping.signal)).toBe(false);
  });

  it('begins at the same time in every run', () => {
    expect(new Date(steppedClock().now()).toISOString()).toBe('2026-01-01T00:00:00.000Z');
    expect(steppedClock(new Date(5)).now()).toBe(5);
  });
});
