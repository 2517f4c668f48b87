import { describe, expect, test } from 'vitest';
import { createCsvCodec } from '../../../src/codecs/csv/csv-codec.ts';
import { defaultCsvSettings } from '../../../src/codecs/csv/csv-settings.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { findSluiceError } from '../../../src/core/error.ts';

const MIB = 1024 * 1024;

/** `text` again and again, in chunks of a MiB. */
async function* endless(head: string, text: string, asked: { bytes: number }): AsyncGenerator<Uint8Array> {
  yield Buffer.from(head);
  const chunk = Buffer.from(text.repeat(Math.ceil(MIB / text.length)));
  for (;;) {
    asked.bytes += chunk.length;
    yield chunk;
  }
}

/** Reads what does not end; gives the code it ends with, the bytes that were asked for, and how much more memory was in use. */
async function read(head: string, text: string, settings: { maxRecordBytes?: number; maxColumns?: number }) {
  const codec = createCsvCodec({ ...defaultCsvSettings, ...settings }, { clock: systemClock });
  const asked = { bytes: 0 };
  const context = { split: 'bomb.csv', after: null, limits: { rows: 1000, bytes: MIB, lingerMs: 0 } };
  const before = process.memoryUsage().rss;
  try {
    for await (const _ of codec.decode(endless(head, text, asked), context, null, new AbortController().signal)) void _;
  } catch (error) {
    return { error: findSluiceError(error), asked: asked.bytes, memory: process.memoryUsage().rss - before };
  }
  throw new Error('it ended');
}

describe('CSV that is made to fill the memory', () => {
  test.each([
    { what: 'a field that does not end', head: 'a,b\n', text: 'x' },
    { what: 'a quote that is never closed', head: 'a,b\n1,"', text: 'line\n' },
    { what: 'a header that does not end', head: '', text: 'name' },
    { what: 'doubled quotes without end', head: 'a\n"', text: '""' },
  ])('$what is an error once it is larger than a record may be', async ({ head, text }) => {
    const { error, asked, memory } = await read(head, text, { maxRecordBytes: 16 * MIB });
    expect(error?.code).toBe('CSV_RECORD_TOO_LARGE');
    expect(asked).toBeLessThan(20 * MIB);
    expect(memory).toBeLessThan(150 * MIB);
  });

  test('a million columns are an error that counts no further than it must', async () => {
    const names = Array.from({ length: 1_000_000 }, (_, i) => `c${i}`).join(',');
    const { error, memory } = await read(`${names}\n`, '1,2\n', { maxRecordBytes: 16 * MIB });
    expect(error).toMatchObject({ code: 'CSV_HEADER', message: expect.stringMatching(/more than 100000 columns/) });
    expect(error?.message.length).toBeLessThan(500);
    expect(memory).toBeLessThan(150 * MIB);
  });

  test('as many columns as are allowed are read', async () => {
    const { error } = await read('a,b,c\n', '1,2\n', { maxColumns: 3 });
    expect(error?.code).toBe('CSV_RAGGED');
    const more = await read('a,b,c,"d,e"\n', '1,2\n', { maxColumns: 3 });
    expect(more.error?.code).toBe('CSV_HEADER');
  });
});
