import fc from 'fast-check';
import { parquetMetadata } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import { createReaders } from '../../../../src/codecs/formats.ts';
import { SluiceError } from '../../../../src/core/error.ts';
import { golden, memoryObject, readParquet } from './parquet-reading.ts';

const refusal = async (bytes: Uint8Array): Promise<SluiceError> => {
  const error = await readParquet(bytes).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof SluiceError) return error;
  throw new Error('the file was read, or failed in another way', { cause: error });
};

function saysTwoNumbersOfRows(bytes: Uint8Array<ArrayBuffer>): boolean {
  try {
    const { num_rows: rows, row_groups: groups } = parquetMetadata(bytes.buffer);
    return groups.length > 0 && groups.reduce((sum, group) => sum + Number(group.num_rows), 0) !== Number(rows);
  } catch {
    return false;
  }
}

describe('a file that is no sound Parquet is refused by its name', () => {
  const file = golden('types-v2.parquet');

  test('cut off anywhere', async () => {
    for (const length of [0, 4, 11, 100, file.length - 1]) {
      const error = await refusal(file.subarray(0, length));
      expect(error.code).toBe('FORMAT_BROKEN');
      expect(error.message).toMatch(/^memory\.parquet: /);
    }
  });

  test('with a page that does not fit its checksum', async () => {
    const bytes = file.slice();
    const { data_page_offset: from, total_compressed_size: size } =
      parquetMetadata(file).row_groups[0]!.columns[17]!.meta_data!;
    bytes[Number(from + size) - 1]! ^= 1;
    const error = await refusal(bytes);
    expect(error).toMatchObject({
      code: 'FORMAT_BROKEN',
      message: expect.stringMatching(/row group 0, column "text": a page does not fit its checksum/),
    });
  });

  test('with a footer that is longer than the file', async () => {
    const bytes = file.slice();
    new DataView(bytes.buffer).setUint32(bytes.length - 8, 1_000_000, true);
    expect((await refusal(bytes)).message).toMatch(/a footer of 1000000 bytes does not fit/);
  });

  test('with a footer of which one byte makes the rows of its groups other than its own', async () => {
    const rows = golden('rows-none.parquet');
    let found = 0;
    for (let at = rows.length - 9; at > rows.length - 4000; at -= 1) {
      const bytes = rows.slice();
      bytes[at]! -= 2;
      if (!saysTwoNumbersOfRows(bytes)) continue;
      found += 1;
      expect((await refusal(bytes)).code).toBe('FORMAT_BROKEN');
    }
    expect(found).toBeGreaterThan(0);
  });

  test('with a footer that names no column where one should be', async () => {
    const bytes = golden('rows-none.parquet').slice();
    bytes[3456] = 51;
    expect((await refusal(bytes)).code).toBe('FORMAT_BROKEN');
  });

  test('encrypted', async () => {
    const bytes = file.slice();
    bytes.set(Buffer.from('PARE'), bytes.length - 4);
    expect(await refusal(bytes)).toMatchObject({
      code: 'PARQUET_UNSUPPORTED',
      message: expect.stringMatching(/encrypted/),
    });
  });

  test('packed as a whole', async () => {
    const signal = new AbortController().signal;
    const reader = await createReaders({ format: 'parquet' }).for('m', async () => file);
    const packed = { ...memoryObject(file), compression: 'gzip' as const };
    await expect(reader.parts(packed, signal)).rejects.toMatchObject({ code: 'PARQUET_UNSUPPORTED' });
  });
});

test.each(['rows-none.parquet', 'rows-delta.parquet', 'rows-lz4.parquet', 'types.parquet', 'types-v2.parquet'])(
  'a file with changed bytes gives rows or an error of ours, soon, and never anything else: %s',
  async (name) => {
    const file = golden(name);
    const change = fc.record({ at: fc.nat(file.length - 1), value: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = file.slice();
        for (const { at, value } of changes) bytes[at] = value;
        const outcome = await readParquet(bytes).then(
          () => 'rows',
          (error: unknown) => (error instanceof SluiceError ? error.code : error),
        );
        expect(outcome).toBeOneOf([
          'rows',
          'FORMAT_BROKEN',
          'PARQUET_UNSUPPORTED',
          'INTAKE_ENCODING',
          'COLUMN_UNKNOWN',
        ]);
      }),
      { numRuns: 400 },
    );
  },
  60_000,
);
