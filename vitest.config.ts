import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The examples import the package by its name, as users do; here that is the sources.
  resolve: {
    alias: [
      { find: /^sluice$/, replacement: join(import.meta.dirname, 'src/index.ts') },
      { find: /^sluice\/(sdk|testing)$/, replacement: join(import.meta.dirname, 'src/$1.ts') },
    ],
  },
  test: {
    // What one of the many processes that tests start has compiled the others load.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'sluice-tests-compiled') },
    include: ['test/**/*.test.ts'],
    exclude: ['test/grid/**', '**/node_modules/**'],
    globalSetup: ['test/support/services/run-services.ts'],
    testTimeout: 60_000,
    // The first hook that asks for a service may have to download it.
    hookTimeout: 300_000,
    pool: 'forks',
    // More than cores: many tests wait, for brokers that come back and sessions that end.
    maxWorkers: 3,
  },
});
