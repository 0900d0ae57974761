import { defineConfig } from 'vitest/config';

/** Many generated cases: the short forms of what `npm run soak` does for longer. */
const GENERATED = [
  'test/simulation/**/*.test.ts',
  'test/**/hostile.test.ts',
  'test/**/*-properties.test.ts',
  'test/agent/core/fleet-of-decisions.test.ts',
];

/** Real processes (ours, HAProxy, systemd's tools), and whole libraries of others that were not written for this project. */
const WHOLE = [
  'test/e2e/**/*.test.ts',
  'test/**/official-*.test.ts',
  'test/contract/drain.test.ts',
  'test/contract/coordinator.test.ts',
  'test/systemd/*.test.ts',
];

/** Those that need a PostgreSQL: one is started for all of them. */
const POSTGRES = [
  'test/contract/store*.test.ts',
  'test/contract/coordinator-postgres.test.ts',
  'test/scheduler/store/*.test.ts',
  'test/e2e/scheduler-replicas*.test.ts',
];

/**
 * Whole programs keep deadlines, and a machine that CI shares may stand still for longer than any of them. There such a test
 * gets a second try, and the report says so; anywhere else the first counts.
 */
const RETRY = process.env['CI'] === undefined ? 0 : 1;

export default defineConfig({
  test: {
    projects: [
      {
        // A clock is injected: nothing here waits for time to pass.
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...GENERATED, ...WHOLE, ...POSTGRES],
          testTimeout: 10_000,
          // The files share their modules (each worker loads them once); tests keep their state to themselves.
          isolate: false,
        },
      },
      {
        test: { name: 'generated', include: GENERATED, testTimeout: 60_000 },
      },
      {
        test: {
          name: 'postgres',
          include: POSTGRES,
          globalSetup: 'test/support/postgres-global.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          retry: RETRY,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // They have deadlines and mostly wait: two files more at a time than a small machine has processors.
        test: {
          name: 'e2e',
          include: WHOLE,
          exclude: POSTGRES,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 4,
          retry: RETRY,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
