import { describe, expect, it } from 'vitest';
import { runsHaproxy } from '../contract/drain-haproxy.ts';
import { cycleDrains } from '../soak/drains.ts';

// The short form of `npm run soak -- drains`.
describe.skipIf(!runsHaproxy)('a VM behind a real HAProxy under load (needs: apt-get install haproxy)', () => {
  it('is drained and restored without a failed request, and nothing comes to it after its promise', async () => {
    const lines: string[] = [];
    const result = await cycleDrains({ cycles: 4, restartEvery: 2, report: (line) => lines.push(line) });
    expect(result.violations, lines.join('\n')).toEqual([]);
    expect(result.restarts).toEqual({ withFile: 1, withoutFile: 1 });
    expect(result.intruders).toMatchObject({ calm: 0, withFile: 0 });
    expect(result.load.requests).toBeGreaterThan(500);
    expect(result.load.webSocketMessages).toBeGreaterThan(50);
  }, 120_000);
});
