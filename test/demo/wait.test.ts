import { describe, expect, it } from 'vitest';
import { describeError } from '../../common/runtime/errors.ts';
import { waitFor } from '../../demo/wait.ts';
import { FakeClock } from '../support/fake-clock.ts';

describe('waiting', () => {
  it('looks until there is something, and returns it', async () => {
    const clock = new FakeClock();
    let looks = 0;
    const waiting = waitFor(
      {
        what: 'it',
        limitMs: 10_000,
        look: async () => await Promise.resolve(++looks < 3 ? { missing: 'not yet' } : { value: 42 }),
      },
      clock,
      new AbortController().signal,
    );
    await clock.advance(1000);
    expect(await waiting).toBe(42);
    expect(looks).toBe(3);
  });

  it('says after its limit what was missing to the last', async () => {
    const clock = new FakeClock();
    const waiting = waitFor(
      {
        what: 'VM a to be back',
        limitMs: 2000,
        look: async () => await Promise.resolve({ missing: 'still draining' }),
      },
      clock,
      new AbortController().signal,
    );
    const outcome = waiting.catch(describeError);
    await clock.advance(5000);
    expect(await outcome).toBe('waited 2 s for VM a to be back, in vain: still draining');
  });

  it('ends at once when the demonstration ends', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const waiting = waitFor(
      { what: 'it', limitMs: 2000, look: async () => await Promise.resolve({ missing: 'x' }) },
      clock,
      stop.signal,
    );
    const outcome = waiting.catch(describeError);
    await clock.advance(100);
    stop.abort(new Error('stopped by SIGINT'));
    await clock.advance(0);
    expect(await outcome).toBe('stopped by SIGINT');
  });
});
