import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Unit and contract tests inject their clock; end-to-end tests run real processes and therefore have time-outs of their own.
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          testTimeout: 10_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
