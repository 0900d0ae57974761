import { expect, it } from 'vitest';
import { killAtRandom } from '../soak/kills.ts';

// The short form of `npm run soak -- kills`.
it('agents that are killed at random moments never let an event be approved early', async () => {
  const lines: string[] = [];
  const result = await killAtRandom({ seed: 7, rounds: 2, report: (line) => lines.push(line) });
  expect({ violations: result.violations, approved: result.approved }, lines.join('\n')).toEqual({
    violations: [],
    approved: 2,
  });
  expect(result.kills).toBeGreaterThan(0);
}, 120_000);
