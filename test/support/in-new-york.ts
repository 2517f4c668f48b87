import { afterAll, beforeAll } from 'vitest';

/** Has the tests of a file run as on a machine in New York. */
export function inNewYork(): void {
  const { TZ } = process.env;
  beforeAll(() => {
    process.env['TZ'] = 'America/New_York';
  });
  afterAll(() => {
    if (TZ === undefined) delete process.env['TZ'];
    else process.env['TZ'] = TZ;
  });
}
