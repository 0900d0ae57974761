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
        },
      },
      {
        // The short form of `npm run soak -- simulate`.
        test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], testTimeout: 60_000 },
      },
      {
        // Real processes, one file at a time: they compete for the processor, and have deadlines.
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
