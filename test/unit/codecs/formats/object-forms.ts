import type { Compression } from '../../../../src/codecs/compression.ts';
import { createReaders, createWriter, type ReaderSettings } from '../../../../src/codecs/formats.ts';
import type { FormatName, FormatSettings, ObjectWriter, ReadableObject } from '../../../../src/codecs/object-format.ts';
import { encodeRecords } from '../../../../src/core/canonical-csv.ts';
import type { Json } from '../../../../src/core/json.ts';
import type { Position } from '../../../../src/core/position.ts';
import type { RowBatch } from '../../../../src/core/row-batch.ts';
import type { Schema } from '../../../../src/core/schema.ts';
import type { OutputRows } from '../../../../src/core/scored-batch.ts';
import type { Value } from '../../../../src/core/value.ts';

export type Cells = readonly (readonly Value[])[];

export const never = new AbortController().signal;
const SEED = 'c0ffee'.repeat(11).slice(0, 64);

/** What an output in blocks looks like: the bytes, and the state behind each block. */
export interface WrittenObject {
  readonly bytes: Buffer;
  readonly ends: readonly number[];
}

export interface WriteOptions {
  readonly settings?: Partial<FormatSettings>;
  readonly compression?: Compression;
  /** A writer of its own for each block, as after an interruption. */
  readonly anew?: boolean;
}

/** Writes batches of rows as an object. */
export async function writeObject(
  format: FormatName,
  schema: Schema,
  batches: readonly Cells[],
  { settings = {}, compression = 'none', anew = false }: WriteOptions = {},
): Promise<WrittenObject> {
  const make = (): ObjectWriter => createWriter(format, settings, compression);
  let writer = make();
  const header = writer.header(schema, SEED);
  let state: Json = header.state;
  let bytes = Buffer.from(header.bytes);
  const ends: number[] = [];
  let gathered: OutputRows[] = [];
  let size = 0;
  const close = async (): Promise<void> => {
    const rows = gathered;
    gathered = [];
    size = 0;
    if (rows.reduce((sum, { ends }) => sum + ends.length, 0) === 0) return;
    const block = await writer.block(rows, state, bytes.length);
    bytes = Buffer.concat([bytes, block.bytes]);
    state = JSON.parse(JSON.stringify(block.state)) as Json;
    ends.push(bytes.length);
    if (anew) writer = make();
  };
  for (const records of batches) {
    const rows: OutputRows = { schema, ...encodeRecords(records) };
    gathered.push(rows);
    size += rows.bytes.length;
    if (size >= writer.blockBytes) await close();
  }
  await close();
  return { bytes: Buffer.concat([bytes, await writer.trailer(state, bytes.length)]), ends };
}

/** An object in memory, given in chunks of so many bytes, in one buffer that is used again. */
export function objectOf(
  bytes: Uint8Array,
  chunk = 7,
  name = 'object',
  compression: Compression = 'none',
): ReadableObject {
  return {
    name,
    bytes: bytes.length,
    compression,
    async *read(offset) {
      const buffer = new Uint8Array(chunk);
      for (let at = offset; at < bytes.length; at += chunk) {
        const part = bytes.subarray(at, at + chunk);
        buffer.fill(0x21);
        buffer.set(part);
        yield buffer.subarray(0, part.length);
      }
    },
    range: async (from, length) => bytes.slice(from, from + length),
  };
}

export interface ReadOptions extends ReaderSettings {
  readonly rows?: number;
  readonly bytes?: number;
  readonly after?: Position | null;
}

/** All batches of an object behind a position. */
export async function readObject(object: ReadableObject, options: ReadOptions = {}): Promise<RowBatch[]> {
  const { rows = 3, bytes = 1_000_000, after = null, ...settings } = options;
  const reader = await createReaders(settings).for(object.name, () => headOf(object));
  const schema = after === null ? null : await reader.schema(object, null, never);
  const batches: RowBatch[] = [];
  for (const part of await reader.parts(object, never)) {
    const limits = { rows, bytes, lingerMs: Number.POSITIVE_INFINITY };
    for await (const batch of reader.read(object, { part, split: object.name, after, schema, limits }, never))
      batches.push(batch);
  }
  return batches;
}

async function headOf(object: ReadableObject): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of object.read(0, never)) parts.push(Uint8Array.from(chunk));
  return Buffer.concat(parts);
}

/** The rows of batches, a text or null for each field. */
export function cellsOf(batches: readonly RowBatch[]): (string | null)[][] {
  return batches.flatMap((batch) =>
    batch.records().map((record) => record.map((value) => (value === null ? null : String(value)))),
  );
}
