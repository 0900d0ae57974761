import { describe, expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { simulate } from './run.ts';

/** The short form; `npm run soak -- simulate` runs as many as wanted. */
const SEEDS = 200;

/** Share of the events that somebody approves, where that is not most of them: one VM that never agrees is enough for none. */
const EXPECTED: Readonly<Record<string, number>> = { silent: 0.2, policies: 0.2 };

describe('the agents, the agreement and the platform, simulated', () => {
  it.each(['calm', 'silent', 'liveness', 'safety', 'policies'] as const)('break no invariant in %s runs', (mode) => {
    const summary = runCampaign(mode, 1, SEEDS);
    expect(summary.failures.join('\n\n')).toBe('');
    // Nothing passes vacuously: most events are approved (in silent runs only those that name one VM can be).
    expect(summary.approved).toBeGreaterThan(summary.events * (EXPECTED[mode] ?? 0.8));
  });

  it('reach the rare case that a leader is lost inside its open intent', () => {
    expect(runCampaign('liveness', 1, 2 * SEEDS).takeovers).toBeGreaterThan(0);
  });

  it('do the same from the same seed', () => {
    expect(simulate('safety', 4711).digest()).toBe(simulate('safety', 4711).digest());
    expect(simulate('safety', 4711).digest()).not.toBe(simulate('safety', 4712).digest());
  });
});
