import { setTimeout as wait } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../support/api-server.ts';
import { sluice } from '../../support/command-line.ts';
import { PredictionServer } from '../../support/prediction-server.ts';
import { needs } from '../../support/services/needs.ts';
import { expectAccessible, PageBrowser, screenshot } from './page-browser.ts';
import { pageServer, scratch } from './page-rig.ts';

/** Of distances that are, or are not, as they were for the baseline. */
function csvOf(rows: number, shift: number): string {
  const carriers = ['AA', 'DL', 'UA', 'WN'];
  const line = (i: number): string => `${i},${100 + ((i * 37) % 900) + shift},${carriers[(i * i) % 4]}\n`;
  return `flight_id,distance,carrier\n${Array.from({ length: rows }, (_, i) => line(i)).join('')}`;
}

needs('chromium')('how the live page looks', () => {
  let browser: PageBrowser;
  let server: PredictionServer;
  let api: ApiServer;
  let files: ReturnType<typeof scratch>;
  const jobs: Record<'done' | 'running' | 'aborted' | 'waiting', string> = {
    done: '',
    running: '',
    aborted: '',
    waiting: '',
  };

  beforeAll(async () => {
    files = scratch({ 'training.csv': csvOf(2_000, 0) });
    const made = await sluice([
      'baseline',
      files.path('training.csv'),
      '--exclude',
      'flight_id',
      '--out',
      files.path('baseline.json'),
    ]);
    expect(made.stderr).not.toContain('error');
    server = await PredictionServer.start({
      // Slow enough to be watched, and now and then slower.
      respond: ({ number }) => ({ after: wait(30 + 25 * Math.sin(number / 9) + (number % 40 === 0 ? 150 : 0)) }),
      reject: ([id]) => (Number(id) % 997 === 5 ? `the value of distance in row ${id} is not known` : null),
      rejectAs: 'row',
      modelId: '5a1f0c2b9d3e4f5061728394',
      predict: ([id]) => String((Number(id) % 100) / 10),
    });
    api = await pageServer({
      flights: { server: server.url, baseline: files.path('baseline.json') },
      'flights-next': { server: server.url },
      'housing prices, EU': { server: server.url },
    });
    const settings = { chunkSize: 'fixed', chunkRows: 50, passthroughColumns: ['flight_id'] };
    const start = async (deploymentId: string, csv: string): Promise<string> => {
      const { id } = await api.create({ deploymentId, ...settings, numConcurrent: 4 });
      await api.upload(id, csv);
      return id;
    };
    jobs.done = await start('flights', csvOf(20_000, 250));
    await api.ended(jobs.done);
    jobs.running = await start('flights', csvOf(60_000, 0));
    jobs.aborted = await start('flights-next', csvOf(10, 0));
    await api.request(`/batchPredictions/${jobs.aborted}/`, { method: 'DELETE' });
    jobs.waiting = await start('housing prices, EU', csvOf(10, 0));
    // Long enough for a chart that is worth a look.
    await api.until(jobs.running, ({ elapsedTimeSec }) => elapsedTimeSec >= 6);
    browser = await PageBrowser.open();
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await api?.[Symbol.asyncDispose]();
    await server?.close();
    files?.[Symbol.dispose]();
  });

  const settled = async (page: Page): Promise<void> => {
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator('.badge').first().waitFor();
  };

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`its lists are readable for everybody, ${colorScheme}`, async () => {
      await using opened = await browser.page(api.server.url, { colorScheme });
      await settled(opened.page);
      expect(await opened.page.locator('tbody tr').count()).toBe(4);
      await expectAccessible(opened.page);
      await screenshot(opened.page, `jobs-${colorScheme}`);
      expect(opened.faults).toEqual([]);
    });

    test(`a job that runs has its course from before the page was opened, ${colorScheme}`, async () => {
      await using opened = await browser.page(`${api.server.url}/#/jobs/${jobs.running}`, { colorScheme });
      const { page, faults } = opened;
      await settled(page);
      const rates = page.getByRole('img', { name: /^Rows per second over \d+ seconds/ });
      await rates.waitFor();
      const seconds = Number(/over (\d+) seconds/.exec((await rates.getAttribute('aria-label')) ?? '')?.[1]);
      expect(seconds).toBeGreaterThanOrEqual(4);
      await page.getByRole('img', { name: /^Latency over .* p99 from/ }).waitFor();
      await page.getByRole('img', { name: /^Requests in flight .* limit from/ }).waitFor();
      await page.getByText(/^Bottleneck: the prediction server/).waitFor();
      await expectAccessible(page);
      await screenshot(page, `running-${colorScheme}`);
      expect(faults).toEqual([]);
    });

    test(`a job that is done has its drift, its causes and its log, ${colorScheme}`, async () => {
      await using opened = await browser.page(`${api.server.url}/#/jobs/${jobs.done}`, { colorScheme });
      const { page, faults } = opened;
      await settled(page);
      const drift = page.getByRole('region', { name: 'Drift', exact: true });
      await drift.getByText(/1 of 2 features/).waitFor();
      await drift.getByRole('row', { name: /distance .* drifted/ }).waitFor();
      await page.getByRole('region', { name: 'Bad rows' }).locator('summary').first().click();
      await page.getByRole('region', { name: 'Bad rows' }).getByText(/^5,/).waitFor();
      await expectAccessible(page);
      await screenshot(page, `done-${colorScheme}`);
      expect(faults).toEqual([]);
    });
  }

  test('it fits a telephone', async () => {
    await using opened = await browser.page(`${api.server.url}/#/jobs/${jobs.done}`, { width: 390, height: 800 });
    await settled(opened.page);
    await opened.page.getByRole('region', { name: 'Drift', exact: true }).waitFor();
    expect(await opened.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await screenshot(opened.page, 'narrow-job');
    await opened.page.getByRole('link', { name: 'All jobs' }).click();
    await opened.page.getByRole('heading', { name: 'Start a job' }).waitFor();
    expect(await opened.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await screenshot(opened.page, 'narrow-jobs');
  });

  test('its list can be narrowed to a state and a deployment', async () => {
    await using opened = await browser.page(api.server.url);
    const { page } = opened;
    await settled(page);
    await page.getByLabel('State').selectOption('ABORTED');
    await page.getByText('1 job', { exact: true }).waitFor();
    await page.getByLabel('Deployment').selectOption('flights');
    await page.getByText('No job is like this.').waitFor();
    await page.getByLabel('State').selectOption('COMPLETED');
    await page.locator('tbody .badge').filter({ hasText: 'Done' }).first().waitFor();
    expect(await page.locator('tbody .badge').filter({ hasNotText: 'Done' }).count()).toBe(0);
  });
});
