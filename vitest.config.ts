import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        // A clock is injected: nothing here waits for time to pass.
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/simulation/**'],
          testTimeout: 10_000,
          // The files share their modules (each worker loads them once); tests keep their state to themselves.
          isolate: false,
        },
      },
      {
        // The short form of `npm run soak -- simulate`.
        test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], testTimeout: 60_000 },
      },
      {
        // Real processes with deadlines, which mostly wait for each other: one file more at a time than a small machine has processors.
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
