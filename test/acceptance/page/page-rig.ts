import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { type ApiServer, type ApiServerOptions, startApi } from '../../support/api-server.ts';

/** Lets the browser drop a file on a deployment, as a person does. */
export async function dropFile(page: Page, deployment: string, name: string, text: string): Promise<void> {
  const data = await page.evaluateHandle(
    ({ name, text }) => {
      const data = new DataTransfer();
      data.items.add(new File([text], name, { type: 'text/csv' }));
      return data;
    },
    { name, text },
  );
  const place = page.locator('.deployment', { has: page.getByRole('heading', { name: deployment, exact: true }) });
  await place.dispatchEvent('dragenter', { dataTransfer: data });
  await place.dispatchEvent('drop', { dataTransfer: data });
}

/** A server for the page, whose deployments may have more than an address. */
export async function pageServer(
  deployments: Readonly<Record<string, object>>,
  options: Omit<ApiServerOptions, 'deployments'> = {},
): Promise<ApiServer> {
  return await startApi({
    ...options,
    deployments: {},
    configuration: { deployments, ...options.configuration },
  });
}

/** A folder that is removed at the end. */
export function scratch(files: Readonly<Record<string, string>> = {}): Disposable & { path(name: string): string } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-page-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return {
    path: (name) => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
