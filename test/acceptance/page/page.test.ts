import { readFileSync } from 'node:fs';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Behaviour, PredictionServer } from '../../support/prediction-server.ts';
import { needs } from '../../support/services/needs.ts';
import { PageBrowser } from './page-browser.ts';
import { dropFile, pageServer, scratch } from './page-rig.ts';

const ROWS = Array.from({ length: 500 }, (_, i) => `${i},name ${i}\n`);
const CSV = `id,name\n${ROWS.join('')}`;

/** A prediction server whose replies wait until the gate is opened. */
async function gated(): Promise<PredictionServer & { open(): void }> {
  const gate = Promise.withResolvers<void>();
  const respond = (): Behaviour => ({ after: gate.promise });
  return Object.assign(await PredictionServer.start({ respond }), { open: () => gate.resolve() });
}

async function savedText(page: Page, press: () => Promise<void>): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent('download'), press()]);
  return readFileSync(await download.path(), 'utf8');
}

/** The state of a job, as the page shows it; the first of several. */
function badge(page: Page, text: string): Locator {
  return page
    .locator('.badge')
    .filter({ hasText: new RegExp(`^${text}$`) })
    .first();
}

function jobIdOf(page: Page): string {
  return /#\/jobs\/([0-9a-f]{24})$/.exec(page.url())?.[1] ?? '';
}

needs('chromium')('the live page', () => {
  let browser: PageBrowser;
  beforeAll(async () => {
    browser = await PageBrowser.open();
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
  });

  test('starts a job by a dropped file, follows it to its end, and saves what the API gives', async () => {
    await using server = await PredictionServer.start();
    await using api = await pageServer({ flights: { server: server.url } });
    await using opened = await browser.page(api.server.url);
    const { page, faults } = opened;
    await dropFile(page, 'flights', 'flights.csv', CSV);
    await badge(page, 'Done').waitFor();
    const id = jobIdOf(page);
    await page.getByText('500 rows', { exact: true }).waitFor();
    const saved = await savedText(page, () => page.getByRole('button', { name: 'Download result' }).click());
    expect(saved).toBe(await api.result(id));
    expect(saved.split('\n')).toHaveLength(502);
    expect(saved.split('\n')[0]).toBe('y_PREDICTION,id,name');
    expect(await page.getByRole('status').textContent()).toContain('done: 500 rows scored, 0 bad');
    expect(faults).toEqual([]);
  });

  test('shows a job that waits behind another, and aborts a job only when one is sure', async () => {
    await using server = await gated();
    await using api = await pageServer({ flights: { server: server.url } });
    await using opened = await browser.page(api.server.url);
    const { page, faults } = opened;
    const first = await api.create({ deploymentId: 'flights' });
    await api.upload(first.id, CSV);
    await badge(page, 'Running').waitFor();
    const second = await api.create({ deploymentId: 'flights' });
    await api.upload(second.id, CSV);
    await page.getByText('Waiting, 1 before it').waitFor();
    await page.goto(`${api.server.url}/#/jobs/${first.id}`);
    await page.getByRole('button', { name: 'Abort job' }).click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    expect((await api.job(first.id)).status).toBe('RUNNING');
    await page.getByRole('button', { name: 'Abort job' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Abort job' }).click();
    await badge(page, 'Aborted').waitFor();
    expect((await api.ended(first.id)).status).toBe('ABORTED');
    await page.goto(`${api.server.url}/#/`);
    // The one that waited moved up without an event of its own, and runs.
    await badge(page, 'Running').waitFor();
    server.open();
    await badge(page, 'Done').waitFor();
    expect(faults).toEqual([]);
  });

  test('can be used by the keyboard alone', async () => {
    using files = scratch({ 'rows.csv': CSV });
    await using server = await PredictionServer.start();
    await using api = await pageServer({ flights: { server: server.url }, other: { server: server.url } });
    await using opened = await browser.page(api.server.url);
    const { page } = opened;
    await page.getByText('Live', { exact: true }).waitFor();
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    await tabTo(page, 'Choose a file… other');
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Enter')]);
    await chooser.setFiles(files.path('rows.csv'));
    await badge(page, 'Done').waitFor();
    const id = jobIdOf(page);
    await tabTo(page, 'Download result');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
    expect(outline).toBe('solid');
    const saved = await savedText(page, () => page.keyboard.press('Enter'));
    expect(saved).toBe(await api.result(id));
    await tabTo(page, '← All jobs', 'Shift+Tab');
    await page.keyboard.press('Enter');
    await tabTo(page, 'State');
    await page.keyboard.press('A');
    await page.getByText('No job is like this.').waitFor();
  });

  test('shows bad rows with their causes, and replays them into the result', async () => {
    const isBad = (fields: readonly string[]): string | null =>
      Number(fields[0]) % 100 === 7 ? `no distance in row ${fields[0]}` : null;
    await using server = await PredictionServer.start({ reject: isBad, rejectAs: 'row' });
    await using api = await pageServer({ flights: { server: server.url } });
    await using opened = await browser.page(api.server.url);
    const { page, faults } = opened;
    await dropFile(page, 'flights', 'flights.csv', CSV);
    await badge(page, 'Done').waitFor();
    const id = jobIdOf(page);
    const bad = page.getByRole('region', { name: 'Bad rows' });
    await bad.getByText('5 rows', { exact: true }).click();
    await bad.getByText('7,name 7', { exact: true }).waitFor();
    server.options = {};
    await page.getByRole('button', { name: 'Replay bad rows' }).click();
    await page
      .getByText(/Replay done at .*: 5 rows scored, 0 failed again/)
      .first()
      .waitFor();
    const expected = `y_PREDICTION,id,name\n${ROWS.map((row, i) => `${2 * i},${row}`).join('')}`;
    expect(await api.result(id)).toBe(expected);
    expect(await api.job(id)).toMatchObject({ scoredRows: 500, failedRows: 0, jobOutputSize: expected.length });
    await page.getByRole('button', { name: 'Replay bad rows' }).waitFor({ state: 'hidden' });
    expect((await api.post(`/live/jobs/${id}/replay/`, {})).status).toBe(409);
    expect(faults).toEqual([]);
  });

  test('shows what comes from data as text, whatever it holds', async () => {
    const evil = '<img src=x onerror="globalThis.hurt=1"><b>bold</b>';
    const reject = (fields: readonly string[]): string | null => (fields[0] === '3' ? `bad ${evil}` : null);
    await using server = await PredictionServer.start({ reject });
    await using api = await pageServer({ [evil]: { server: server.url } });
    await using opened = await browser.page(api.server.url);
    const { page, faults } = opened;
    await dropFile(
      page,
      evil,
      'x.csv',
      `id,name\n1,a\n3,${evil.replaceAll('"', '""').replace(/.*/, '"$&"')}\n${ROWS.slice(4, 20).join('')}`,
    );
    await badge(page, 'Done').waitFor();
    await page.getByRole('region', { name: 'Bad rows' }).getByText('1 row', { exact: true }).click();
    await page.getByText(`bad ${evil}`, { exact: false }).first().waitFor();
    expect(await page.locator('main img, main b:not(.legend b)').count()).toBe(0);
    expect(await page.evaluate(() => 'hurt' in globalThis)).toBe(false);
    expect(faults).toEqual([]);
  });

  test('asks for a token, keeps it for the tab only, and shows each user his jobs', async () => {
    await using server = await PredictionServer.start();
    const tokens = [
      { token: 'token-of-anna', user: 'anna' },
      { token: 'token-of-bert', user: 'bert', role: 'read' },
    ];
    await using api = await pageServer(
      { flights: { server: server.url } },
      { server: { tokens }, token: 'token-of-anna' },
    );
    const job = await api.create({ deploymentId: 'flights' });
    await api.upload(job.id, CSV);
    await api.ended(job.id);
    await using opened = await browser.page(api.server.url);
    const { page, faults } = opened;
    const field = page.getByLabel('Token for the server');
    await field.fill('wrong-token');
    await page.keyboard.press('Enter');
    await page.getByText('This token is not valid.').waitFor();
    await field.fill('token-of-anna');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'flights' }).click();
    const saved = await savedText(page, () => page.getByRole('button', { name: 'Download result' }).click());
    expect(saved).toBe(await api.result(job.id));
    await page.reload();
    await badge(page, 'Done').waitFor();
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
    await page.getByRole('button', { name: 'Forget token' }).click();
    await field.waitFor();
    expect(await page.locator('main').textContent()).not.toContain('Done');
    await field.fill('token-of-bert');
    await page.keyboard.press('Enter');
    await page.getByText('There is no such job, or it is not yours.').waitFor();
    await page.goto(`${api.server.url}/#/`);
    await page.getByText('There are no jobs yet.', { exact: false }).waitFor();
    expect(await page.getByRole('heading', { name: 'Start a job' }).isVisible()).toBe(false);
    expect(faults).toEqual([]);
  });

  test('is live again after the server was away, with what happened meanwhile', async () => {
    await using server = await PredictionServer.start();
    await using before = await pageServer({ flights: { server: server.url } });
    const port = Number(new URL(before.server.url).port);
    await using opened = await browser.page(before.server.url);
    const { page } = opened;
    await page.getByText('Live', { exact: true }).waitFor();
    await before.server.close();
    await page.getByText('Connection lost, trying again…').waitFor();
    await using after = await pageServer(
      { flights: { server: server.url } },
      { state: before.state, server: { port } },
    );
    const job = await after.create({ deploymentId: 'flights' });
    await after.upload(job.id, CSV);
    await after.ended(job.id);
    await page.getByText('Live', { exact: true }).waitFor();
    await badge(page, 'Done').waitFor();
  });
});

function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const active = document.activeElement;
    const named = (active?.getAttribute('aria-labelledby') ?? '')
      .split(' ')
      .map((id) => document.getElementById(id)?.textContent ?? '')
      .join(' ');
    const label =
      active instanceof HTMLSelectElement ? (active.labels[0]?.querySelector('span')?.textContent ?? '') : '';
    return named.trim() || active?.getAttribute('aria-label') || label || (active?.textContent ?? '');
  });
}

/** Presses Tab until the focus is there. */
async function tabTo(page: Page, name: string, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  const seen: string[] = [];
  for (let i = 0; i < 40; i += 1) {
    await page.keyboard.press(key);
    const at = await focused(page);
    if (at === name) return;
    seen.push(at.slice(0, 30));
  }
  throw new Error(`${name} cannot be reached; there were ${seen.join(' | ')}`);
}
