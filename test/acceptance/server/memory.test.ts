import { expect, test } from 'vitest';
import { soakJob } from '../../support/upload-soak.ts';

const MB = 1_000_000;

test('60 MB are uploaded, scored and downloaded at the same time in bounded memory', async () => {
  const { uploaded, wrong, idleRss, peakRss } = await soakJob(60 * MB);
  expect(uploaded).toBeGreaterThanOrEqual(60 * MB);
  expect(wrong).toBe(0);
  expect(peakRss - idleRss).toBeLessThan(150 * MB);
});
