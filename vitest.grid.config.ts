import { defineConfig } from 'vitest/config';

/** The long runs: whole kill grids, with a seed for each run in its name. */
export default defineConfig({
  test: {
    include: ['test/grid/**/*.test.ts'],
    globalSetup: ['test/support/services/run-services.ts'],
    testTimeout: 3_600_000,
    // A broker of a test's own is started in a hook.
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
