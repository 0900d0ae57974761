import { expect, it, onTestFinished } from 'vitest';
import { killSchedulers } from '../soak/scheduler-kills.ts';
import { createDatabase } from '../support/postgres-database.ts';

const freshStore = async (): Promise<string> => {
  const database = await createDatabase();
  onTestFinished(async () => {
    await database.drop();
  });
  return `{ postgres: { url: "${database.url}" } }`;
};

it.each([1, 3])(
  'with %i replicas on PostgreSQL, one of them killed ten times under load, nothing is lost and everything ended once',
  async (replicas) => {
    const result = await killSchedulers({
      seed: Date.now() % 1_000_000,
      kills: 10,
      store: await freshStore(),
      replicas,
      report: () => {},
    });
    expect(result.violations).toEqual([]);
    expect(result.accepted).toBeGreaterThan(50);
    expect(result.takenOver).toBeGreaterThan(0);
    // 12 s of lease and 4 s to the next beat; the rest is a loaded machine.
    expect(result.longestRecoveryMs).toBeLessThan(24_000);
  },
  180_000,
);
