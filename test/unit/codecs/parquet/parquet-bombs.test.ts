import { zstdCompressSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import { LeafPages } from '../../../../src/codecs/parquet/leaf-pages.ts';

const place = { name: 'bomb.parquet', group: 0, column: 'x' };

/** A whole number as Thrift's compact protocol has it. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value * 2;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return [...bytes, left];
}

/** The pages of a column with one page, of which the header says what it likes. */
function pages(said: { readonly unpacked: number; readonly entries: number }, body: Uint8Array): LeafPages {
  const page = [0x15, ...varint(said.entries), 0x15, ...varint(0), 0x15, ...varint(3), 0x15, ...varint(3), 0x00];
  const sizes = [0x15, ...varint(said.unpacked), 0x15, ...varint(body.length)];
  const header = [0x15, ...varint(0), ...sizes, 0x2c, ...page, 0x00];
  const element: SchemaElement = { type: 'INT32', name: 'x', repetition_type: 'OPTIONAL' };
  const chunk = {
    bytes: Uint8Array.from([...header, ...body]),
    most: 2 ** 31 - 1,
    element,
    repetition: 0,
    definition: 1,
    meta: { codec: 'ZSTD' },
  };
  return new LeafPages(chunk as unknown as ConstructorParameters<typeof LeafPages>[0], place);
}

describe('a page that unpacks to more than any page has', () => {
  test('is refused by what its header says, before it is unpacked', () => {
    const packed = zstdCompressSync(new Uint8Array(1000));
    expect(() => pages({ unpacked: 2 ** 30, entries: 10 }, packed).next(0)).toThrow(/would unpack to 1073741824 bytes/);
  });

  test('is refused when it is larger than its header says, without being unpacked to its end', () => {
    const packed = zstdCompressSync(new Uint8Array(200_000_000));
    const before = process.memoryUsage().arrayBuffers;
    expect(() => pages({ unpacked: 1000, entries: 10 }, packed).next(0)).toThrow();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  });

  test('is refused for the number of its values, which take no room in it', () => {
    const packed = zstdCompressSync(new Uint8Array(8));
    expect(() => pages({ unpacked: 8, entries: 2 ** 30 }, packed).next(0)).toThrow(/a page of 1073741824 values/);
  });
});
