import { expect, it } from 'vitest';
import { killSchedulers } from '../soak/scheduler-kills.ts';

it('a scheduler on SQLite that is killed ten times under load loses nothing, and ends everything once', async () => {
  const result = await killSchedulers({
    seed: Date.now() % 1_000_000,
    kills: 10,
    store: '{ sqlite: FOLDER/store.db }',
    replicas: 1,
    report: () => {},
  });
  expect(result.violations).toEqual([]);
  expect(result.accepted).toBeGreaterThan(50);
  // A kill that found nothing under way proves nothing.
  expect(result.takenOver).toBeGreaterThan(0);
}, 240_000);
