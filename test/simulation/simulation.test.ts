import { afterAll, describe, expect, it } from 'vitest';
import type { CampaignSummary } from './campaign.ts';
import { gapsOf, missingFaults } from './coverage.ts';
import { MODES } from './faults.ts';
import { Threads } from './on-threads.ts';
import { simulate } from './run.ts';

/** Of each mode. `npm run simulate` runs as many as wanted. */
const SEEDS = 2000;

/** The machine may have much else to do. */
const PATIENCE_MS = 300_000;

const threads = new Threads();

afterAll(async () => {
  await threads.close();
});

const sums: CampaignSummary[] = [];

describe('the agents, the agreement and the platform, simulated', () => {
  it.each(MODES)('break no invariant in %s runs', { timeout: PATIENCE_MS }, async (mode) => {
    const sum = await threads.campaign({ mode, first: 1, seeds: SEEDS });
    sums.push(sum);
    expect(sum.failures.join('\n\n')).toBe('');
    expect(sum.broken).toEqual({});
    expect(gapsOf(sum)).toEqual([]);
  });

  it('met every kind of fault', () => {
    expect(sums.length).toBe(MODES.length);
    expect(missingFaults(sums)).toEqual([]);
  });

  it('do the same from the same seed', () => {
    for (const mode of MODES) {
      expect(simulate(mode, 4711).digest()).toBe(simulate(mode, 4711).digest());
      expect(simulate(mode, 4711).digest()).not.toBe(simulate(mode, 4712).digest());
    }
  });
});
