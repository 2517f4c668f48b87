import { expect, test } from 'vitest';
import { soakDataset, soakJob } from '../../support/upload-soak.ts';

const MB = 1_000_000;

test('60 MB are uploaded, scored and downloaded at the same time in bounded memory', async () => {
  const { uploaded, wrong, idleRss, peakRss } = await soakJob(60 * MB);
  expect(uploaded).toBeGreaterThanOrEqual(60 * MB);
  expect(wrong).toBe(0);
  expect(peakRss - idleRss).toBeLessThan(150 * MB);
});

test('a dataset is made of 60 MB, and read back, in bounded memory', async () => {
  const { uploaded, isWhole, idleRss, peakRss } = await soakDataset(60 * MB);
  expect(uploaded).toBeGreaterThanOrEqual(60 * MB);
  expect(isWhole).toBe(true);
  expect(peakRss - idleRss).toBeLessThan(150 * MB);
});
