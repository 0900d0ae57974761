import { expect, it } from 'vitest';
import { killLeaders } from '../soak/leader-kills.ts';

// The short form of `npm run soak -- leader-kills`.
it('an event whose leader is killed is taken over within 20 s, and approved before NotBefore but never early', async () => {
  const lines: string[] = [];
  const result = await killLeaders({ seed: 3, rounds: 5, report: (line) => lines.push(line) });
  expect({ violations: result.violations, approved: result.approved }, lines.join('\n')).toEqual({
    violations: [],
    approved: 5,
  });
  expect(result.kills).toBeGreaterThanOrEqual(5);
  expect(result.takeoversMs.length, lines.join('\n')).toBeGreaterThan(0);
}, 400_000);
