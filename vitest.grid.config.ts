import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** The long runs: whole kill grids, with a seed for each run in its name. */
export default defineConfig({
  test: {
    // What one of the many processes that tests start has compiled the others load.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'sluice-tests-compiled'), SLUICE_TEST_WHOLE: '1' },
    // Those of the everyday run are whole here: outputs are killed at every operation, and not at some, and properties have all their cases.
    include: [
      'test/grid/**/*.test.ts',
      'test/acceptance/{file,http,kafka,s3,sql}.test.ts',
      'test/faults/kafka-cluster.test.ts',
      'test/integration/kafka-clients/platformatic.test.ts',
      'test/integration/readme.test.ts',
      'test/unit/codecs/csv-{against-csv-parse,resume}.test.ts',
      'test/unit/scoring/limiter/processes.test.ts',
    ],
    globalSetup: ['test/support/services/run-services.ts'],
    testTimeout: 3_600_000,
    // A broker of a test's own is started in a hook.
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
