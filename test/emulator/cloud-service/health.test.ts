import { describe, expect, it } from 'vitest';
import { afterProbe, chooseByHash, INITIAL_HEALTH } from '../../../emulator/cloud-service/health.ts';

/** `u` = the instance is up after that probe; `probes` is text of `+` and `-`. */
function play(probes: string, threshold: number): string {
  let health = INITIAL_HEALTH;
  return probes
    .split('')
    .map((probe) => {
      health = afterProbe(health, probe === '+', threshold);
      return health.isUp ? 'u' : 'd';
    })
    .join('');
}

describe('the health of an instance', () => {
  it.each([
    ['++--++', 1, 'uudduu'],
    ['++--++', 2, 'duuddu'],
    ['+-+-+-', 2, 'dddddd'],
    ['++-+-+--', 2, 'duuuuuud'],
    ['---', 3, 'ddd'],
    ['+++--+---', 3, 'dduuuuuud'],
  ])('after the probes %s with threshold %i is %s', (probes, threshold, expected) => {
    expect(play(probes, threshold)).toBe(expected);
  });
});

describe('the choice of an instance', () => {
  const flow = { sourceAddress: '127.0.0.1', targetAddress: '127.0.0.1', targetPort: 8080 };

  it('is always the same for the same flow', () => {
    const choices = Array.from({ length: 10 }, () => chooseByHash({ ...flow, sourcePort: 40_000 }, 3));
    expect(new Set(choices).size).toBe(1);
  });

  it('spreads neighbouring source ports evenly', () => {
    const counts = [0, 0, 0];
    for (let port = 32_768; port < 35_768; port += 2) {
      const chosen = chooseByHash({ ...flow, sourcePort: port }, 3);
      counts[chosen] = (counts[chosen] ?? 0) + 1;
    }
    for (const count of counts) {
      expect(count).toBeGreaterThan(400);
      expect(count).toBeLessThan(600);
    }
  });
});
