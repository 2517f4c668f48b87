import { describe, expect, test } from 'vitest';
import { limitedSource } from '../../../src/jobs/limited-source.ts';
import { memorySource } from '../../support/memory-source.ts';

const limits = { rows: 10, bytes: 1_000_000, lingerMs: 0 };
const { signal } = new AbortController();

async function read(of: { readonly columns: number; readonly bytes: number | null }): Promise<number> {
  const source = limitedSource(memorySource([100]), of);
  const [split] = await source.splits(signal);
  let rows = 0;
  for await (const batch of source.read(split!, null, limits, signal)) rows += batch.rows;
  return rows;
}

describe('an intake with limits', () => {
  test('is read to its end within them', async () => {
    expect(await read({ columns: 2, bytes: null })).toBe(100);
    expect(await read({ columns: 2, bytes: 10_000 })).toBe(100);
  });

  test('ends where its rows are more bytes', async () => {
    await expect(read({ columns: 2, bytes: 500 })).rejects.toMatchObject({ code: 'INTAKE_TOO_LARGE' });
  });

  test('ends at once where it has more columns', async () => {
    await expect(read({ columns: 1, bytes: null })).rejects.toMatchObject({
      code: 'INTAKE_TOO_LARGE',
      message: expect.stringMatching(/2 columns/),
    });
  });
});
