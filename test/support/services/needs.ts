import { describe } from 'vitest';
import { leftOut, type ServiceName } from './left-out.ts';

/**
 * `describe` for tests that need services: `needs('kafka')('the client', () => …)`. They are skipped only where
 * SLUICE_TEST_WITHOUT names one of the services, which the last line of the run then says; a service that cannot be had
 * is a failure. Start services inside (in `beforeAll` or a test), never at the top of a file.
 */
export function needs(...services: readonly ServiceName[]): ReturnType<typeof describe.skipIf> {
  const without = leftOut();
  return describe.skipIf(services.some((name) => without.includes(name)));
}
