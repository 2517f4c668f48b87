import { expect, test } from 'vitest';
import { soakJob } from '../support/upload-soak.ts';

const MB = 1_000_000;

test('5 GB are uploaded, scored and downloaded at the same time in less than 300 MB of memory', {
  timeout: 3_600_000,
}, async () => {
  const figures = await soakJob(5_000 * MB);
  console.error(`soak: ${JSON.stringify(figures)}`);
  expect(figures.wrong).toBe(0);
  expect(figures.peakRss).toBeLessThan(300 * MB);
});
