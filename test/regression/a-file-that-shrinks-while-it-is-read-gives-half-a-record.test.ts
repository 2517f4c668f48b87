import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { createObjectSource } from '../../src/codecs/objects/object-source.ts';
import { createReaders } from '../../src/sdk.ts';

const ROWS = 400_000;

test.each([
  ['shrinks', (path: string, size: number) => truncateSync(path, size - 7)],
  ['grows', (path: string) => appendFileSync(path, 'one more row, half of i')],
])('a file that %s while it is read is refused, and no row of its changed end comes out', async (_, change) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-changed-'));
  const path = join(folder, 'rows.csv');
  const text = `id,note\n${Array.from({ length: ROWS }, (_, i) => `${i},note ${i}\n`).join('')}`;
  writeFileSync(path, text);
  const { signal } = new AbortController();
  const source = createObjectSource({
    store: createFileStore(),
    patterns: [path],
    readers: createReaders({}),
    compression: 'auto',
  });
  await source.identity(signal);
  const [split] = await source.splits(signal);
  let last = '';
  const reading = (async () => {
    let changed = false;
    for await (const batch of source.read(split!, null, { rows: 1_000, bytes: 100_000, lingerMs: Infinity }, signal)) {
      if (!changed) change(path, text.length);
      changed = true;
      last = String(batch.records().at(-1)?.[1]);
    }
  })();
  await expect(reading).rejects.toMatchObject({ code: 'INTAKE_CHANGED' });
  expect(last).toMatch(/^note \d+$/);
  await source.close();
  rmSync(folder, { recursive: true });
});
