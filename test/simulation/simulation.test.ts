import { afterAll, describe, expect, it } from 'vitest';
import type { CampaignSummary } from './campaign.ts';
import { FAULT_KINDS, MODES, type Mode } from './faults.ts';
import { Threads } from './on-threads.ts';
import { simulate } from './run.ts';

/** Of each mode. `npm run simulate` runs as many as wanted. */
const SEEDS = 2000;

/**
 * Share of the events that must have been approved early, so that nothing passes because nothing happens. In silent runs only
 * those that name one VM can be.
 */
const APPROVED: Readonly<Record<Mode, number>> = { safety: 0.6, liveness: 0.9, calm: 1, silent: 0.2, policies: 0.6 };

/** The machine may have much else to do. */
const PATIENCE_MS = 300_000;

const threads = new Threads();

afterAll(async () => {
  await threads.close();
});

const sums = new Map<Mode, CampaignSummary>();

describe('the agents, the agreement and the platform, simulated', () => {
  it.each(MODES)('break no invariant in %s runs', { timeout: PATIENCE_MS }, async (mode) => {
    const sum = await threads.campaign({ mode, first: 1, seeds: SEEDS });
    sums.set(mode, sum);
    expect(sum.failures.join('\n\n')).toBe('');
    expect(sum.broken).toEqual({});
    expect(sum.approved / sum.events).toBeGreaterThanOrEqual(APPROVED[mode]);
  });

  it('met every kind of fault', () => {
    const fired = new Set([...sums.values()].flatMap((sum) => Object.keys(sum.fired)));
    expect(FAULT_KINDS.filter((kind) => !fired.has(kind))).toEqual([]);
  });

  it.each(['safety', 'liveness'] as const)(
    'lost the leader inside its open intent in one of a hundred %s runs',
    (mode) => {
      expect(sums.get(mode)?.takeovers).toBeGreaterThanOrEqual(SEEDS / 100);
    },
  );

  it('sent one approval for each event where nothing went wrong', () => {
    const { posts, events } = sums.get('calm') ?? { posts: 0, events: SEEDS };
    expect(posts).toBe(events);
  });

  it('do the same from the same seed', () => {
    for (const mode of MODES) {
      expect(simulate(mode, 4711).digest()).toBe(simulate(mode, 4711).digest());
      expect(simulate(mode, 4711).digest()).not.toBe(simulate(mode, 4712).digest());
    }
  });
});
