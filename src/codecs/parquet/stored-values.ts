import type { Encoding, SchemaElement } from 'hyparquet';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { byteStreamSplit } from 'hyparquet/src/encoding.js';
import { readVarInt } from 'hyparquet/src/thrift.js';
import { unpackRuns } from './run-lengths.ts';

/** Byte arrays, each a part of one block. */
export class ByteSlices {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;

  constructor(bytes: Uint8Array, starts: Uint32Array, ends: Uint32Array) {
    this.bytes = bytes;
    this.starts = starts;
    this.ends = ends;
  }

  get length(): number {
    return this.starts.length;
  }
}

/** The values of a page as they are stored, nulls left out. Booleans are bytes, 0 or 1. */
export type StoredValues = Uint8Array | Int32Array | BigInt64Array | Float32Array | Float64Array | ByteSlices;

/** Stands before runs that do not have their length elsewhere. */
const LENGTH_BYTES = 4;
/** Byte arrays of one page, put together again: more than any writer puts into one. */
const MOST_BYTES = 1024 * 1024 * 1024;

/** Decodes `count` values that are no dictionary indexes from `from` on. Throws where they do not fit the page. */
export function storedValues(
  { type, type_length: width }: SchemaElement,
  encoding: Encoding,
  page: Uint8Array,
  from: number,
  count: number,
): StoredValues {
  const reader = { view: new DataView(page.buffer, page.byteOffset, page.byteLength), offset: from };
  if (encoding === 'PLAIN') return plainValues(type, width, page, from, count);
  if (encoding === 'RLE' && type === 'BOOLEAN') {
    const values = new Uint8Array(count);
    unpackRuns(page, from + LENGTH_BYTES, page.length, 1, count, values);
    return values;
  }
  if (encoding === 'DELTA_BINARY_PACKED' && (type === 'INT32' || type === 'INT64')) {
    return deltas(reader, type === 'INT32' ? new Int32Array(count) : new BigInt64Array(count));
  }
  if (encoding === 'DELTA_LENGTH_BYTE_ARRAY') {
    const lengths = deltas(reader, new Int32Array(count));
    return stitched(new Int32Array(count), lengths, page, reader.offset);
  }
  if (encoding === 'DELTA_BYTE_ARRAY') {
    const prefixes = deltas(reader, new Int32Array(count));
    const lengths = deltas(reader, new Int32Array(count));
    return stitched(prefixes, lengths, page, reader.offset);
  }
  if (encoding === 'BYTE_STREAM_SPLIT') {
    if (from + widthOf(type, width) * count > page.length) throw tooShort(count);
    const values = byteStreamSplit(reader, count, type!, width);
    return Array.isArray(values) ? gathered(values as Uint8Array[]) : (values as Float64Array);
  }
  throw new Error(`the encoding ${encoding} of ${type} is not known`);
}

function plainValues(
  type: SchemaElement['type'],
  width: number | undefined,
  page: Uint8Array,
  from: number,
  count: number,
): StoredValues {
  if (type === 'BYTE_ARRAY') return plainByteArrays(page, from, count);
  if (type === 'BOOLEAN') {
    if (from + Math.ceil(count / 8) > page.length) throw tooShort(count);
    const values = new Uint8Array(count);
    for (let i = 0; i < count; i += 1) values[i] = (page[from + (i >> 3)]! >> (i & 7)) & 1;
    return values;
  }
  const size = widthOf(type, width);
  const end = from + size * count;
  if (end > page.length) throw tooShort(count);
  if (type === 'FIXED_LEN_BYTE_ARRAY' || type === 'INT96') {
    const starts = Uint32Array.from({ length: count }, (_, i) => from + i * size);
    return new ByteSlices(
      page,
      starts,
      starts.map((start) => start + size),
    );
  }
  // Numbers have to lie on multiples of their size.
  const { buffer } = page.slice(from, end);
  if (type === 'INT32') return new Int32Array(buffer);
  if (type === 'INT64') return new BigInt64Array(buffer);
  return type === 'FLOAT' ? new Float32Array(buffer) : new Float64Array(buffer);
}

function plainByteArrays(page: Uint8Array, from: number, count: number): ByteSlices {
  const starts = new Uint32Array(count);
  const ends = new Uint32Array(count);
  let at = from;
  for (let i = 0; i < count; i += 1) {
    const length = (page[at]! | (page[at + 1]! << 8) | (page[at + 2]! << 16) | (page[at + 3]! << 24)) >>> 0;
    at += 4;
    starts[i] = at;
    at += length;
    if (at > page.length) throw tooShort(count);
    ends[i] = at;
  }
  return new ByteSlices(page, starts, ends);
}

type ByteReader = Parameters<typeof deltaBinaryUnpack>[0];

/** Integers as differences. The library trusts the sizes of blocks, and does not come to an end with some of them. */
function deltas<T extends Int32Array | BigInt64Array>(reader: ByteReader, values: T): T {
  const { offset } = reader;
  const block = readVarInt(reader);
  const parts = readVarInt(reader);
  if (block <= 0 || block % 128 !== 0 || parts <= 0 || block % parts !== 0 || (block / parts) % 32 !== 0) {
    throw new Error(`blocks of ${block} differences in ${parts} parts`);
  }
  reader.offset = offset;
  if (values.length > 0) deltaBinaryUnpack(reader, values.length, values);
  return values;
}

/** Byte arrays that begin as the one before did, for some length, and go on with bytes of their own. */
function stitched(prefixes: Int32Array, lengths: Int32Array, page: Uint8Array, from: number): ByteSlices {
  const starts = new Uint32Array(lengths.length);
  const ends = new Uint32Array(lengths.length);
  let total = 0;
  let own = from;
  let before = 0;
  for (let i = 0; i < lengths.length; i += 1) {
    const [prefix, length] = [prefixes[i]!, lengths[i]!];
    if (prefix < 0 || length < 0 || prefix > before) throw new Error('a byte array has no length');
    starts[i] = total;
    before = prefix + length;
    total += before;
    own += length;
    ends[i] = total;
  }
  if (own > page.length || total > MOST_BYTES) throw tooShort(lengths.length);
  const bytes = new Uint8Array(total);
  own = from;
  for (let i = 0; i < lengths.length; i += 1) {
    const [prefix, length, start] = [prefixes[i]!, lengths[i]!, starts[i]!];
    if (prefix > 0) bytes.copyWithin(start, starts[i - 1]!, starts[i - 1]! + prefix);
    bytes.set(page.subarray(own, own + length), start + prefix);
    own += length;
  }
  return new ByteSlices(bytes, starts, ends);
}

/** One block of byte arrays of one length. */
function gathered(values: readonly Uint8Array[]): ByteSlices {
  const starts = new Uint32Array(values.length);
  const ends = new Uint32Array(values.length);
  let length = 0;
  for (const [i, value] of values.entries()) {
    starts[i] = length;
    length += value.length;
    ends[i] = length;
  }
  const bytes = new Uint8Array(length);
  for (const [i, value] of values.entries()) bytes.set(value, starts[i]);
  return new ByteSlices(bytes, starts, ends);
}

function widthOf(type: SchemaElement['type'], width: number | undefined): number {
  if (type === 'INT32' || type === 'FLOAT') return 4;
  if (type === 'INT64' || type === 'DOUBLE') return 8;
  if (type === 'INT96') return 12;
  if (type === 'FIXED_LEN_BYTE_ARRAY' && width !== undefined && width > 0) return width;
  throw new Error(`values of ${type} have no width`);
}

function tooShort(count: number): Error {
  return new Error(`the page is too short for its ${count} values`);
}
