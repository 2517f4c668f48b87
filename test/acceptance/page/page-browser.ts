import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type Page, chromium as playwright } from 'playwright-core';
import { expect } from 'vitest';
import { chromium } from '../../support/services/chromium.ts';

const SCREENSHOTS = join(import.meta.dirname, '../../../work/screenshots');
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What a page did that it should not have done: errors, refusals of its policy, requests to elsewhere. */
interface OpenedPage extends AsyncDisposable {
  readonly page: Page;
  readonly faults: readonly string[];
}

/** A browser for the live page. */
export class PageBrowser implements AsyncDisposable {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(): Promise<PageBrowser> {
    const where = await chromium();
    const browser = where.startsWith('http')
      ? await playwright.connectOverCDP(where)
      : await playwright.launch({ executablePath: where, args: FLAGS });
    return new PageBrowser(browser);
  }

  /** Opens the live page of a server, in a context of its own. */
  async page(
    url: string,
    options: { readonly colorScheme?: 'dark' | 'light'; readonly width?: number; readonly height?: number } = {},
  ): Promise<OpenedPage> {
    const { colorScheme = 'light', width = 1360, height = 900 } = options;
    const context: BrowserContext = await this.#browser.newContext({
      colorScheme,
      viewport: { width, height },
      acceptDownloads: true,
      locale: 'en-GB',
      timezoneId: 'UTC',
    });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    // Choosers are caught from the beginning on, and not only while somebody waits for one.
    page.on('filechooser', () => undefined);
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('console', (message) => {
      // Refusals are logged by the browser as errors of loading; the tests look at what the page makes of them.
      const isFault = message.type() === 'error' && !message.text().startsWith('Failed to load resource');
      if (isFault) faults.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => {
      const to = request.url();
      if (!to.startsWith(new URL(url).origin) && !to.startsWith('blob:')) faults.push(`request to ${to}`);
    });
    await page.goto(url);
    return { page, faults, [Symbol.asyncDispose]: () => context.close() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/** Keeps a picture of the page among what the tests give out, for people to look at. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

/** Nothing that axe knows of stands in the way of people who use the page by other means. */
export async function expectAccessible(page: Page): Promise<void> {
  // By the debugger, which the policy of the page does not bind.
  const { readFileSync } = await import('node:fs');
  await page.evaluate(readFileSync(AXE, 'utf8'));
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      readonly axe: {
        run(): Promise<{
          readonly violations: readonly {
            readonly id: string;
            readonly help: string;
            readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
          }[];
        }>;
      };
    };
    const { violations } = await axe.run();
    return violations.map(
      ({ id, help, nodes }) =>
        `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary ?? ''}`).join(' | ')}`,
    );
  });
  expect(found).toEqual([]);
}
