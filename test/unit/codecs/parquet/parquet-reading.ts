import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createReaders } from '../../../../src/codecs/formats.ts';
import type { ReadableObject } from '../../../../src/codecs/object-format.ts';
import type { BatchLimits } from '../../../../src/core/batch-limits.ts';
import type { Position } from '../../../../src/core/position.ts';
import type { RowBatch } from '../../../../src/core/row-batch.ts';
import type { Schema } from '../../../../src/core/schema.ts';

const GOLDEN = join(import.meta.dirname, '../../../golden/parquet');

export const WIDE: BatchLimits = { rows: 1_000_000, bytes: 1_000_000_000, lingerMs: 0 };

/** Files that pyarrow wrote; see make.py beside them. */
export function golden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(GOLDEN, name)));
}

/** A header line and canonical records. */
export function goldenText(name: string): string {
  return readFileSync(join(GOLDEN, name), 'utf8');
}

export interface Asked {
  readonly from: number;
  readonly length: number;
}

/** An object in memory that notes what is asked of it. */
export function memoryObject(bytes: Uint8Array, asked: Asked[] = [], name = 'memory.parquet'): ReadableObject {
  return {
    name,
    bytes: bytes.length,
    compression: 'none',
    read: () => {
      throw new Error('Parquet is read by ranges');
    },
    range: async (from, length) => {
      asked.push({ from, length });
      if (from < 0 || length < 0 || from + length > bytes.length) throw new Error(`${from}+${length} is out of range`);
      return bytes.slice(from, from + length);
    },
  };
}

export interface ReadOptions {
  readonly columns?: readonly string[] | null;
  readonly limits?: BatchLimits;
  readonly asked?: Asked[];
}

export interface ReadParquet {
  readonly schema: Schema;
  readonly batches: readonly RowBatch[];
  /** Canonical records of all parts. */
  readonly text: string;
}

export async function readParquet(bytes: Uint8Array, options: ReadOptions = {}): Promise<ReadParquet> {
  const { columns = null, limits = WIDE, asked = [] } = options;
  const signal = new AbortController().signal;
  const reader = await createReaders({ format: 'parquet', columns }).for('memory', async () => bytes);
  const object = memoryObject(bytes, asked);
  const schema = await reader.schema(object, null, signal);
  const batches: RowBatch[] = [];
  for (const part of await reader.parts(object, signal)) {
    const { id } = part;
    const read = { part, split: `memory#${id}`, after: null, schema: null, limits };
    for await (const batch of reader.read(object, read, signal)) batches.push(batch);
  }
  return { schema: schema!, batches, text: textOf(batches) };
}

/** What is behind a position of a part. */
export async function readOn(
  bytes: Uint8Array,
  id: string,
  after: Position,
  schema: Schema,
  limits: BatchLimits,
): Promise<readonly RowBatch[]> {
  const signal = new AbortController().signal;
  const reader = await createReaders({ format: 'parquet' }).for('memory', async () => bytes);
  const read = { part: { id, bytes: 0 }, split: `memory#${id}`, after, schema, limits };
  const batches: RowBatch[] = [];
  for await (const batch of reader.read(memoryObject(bytes), read, signal)) batches.push(batch);
  return batches;
}

export function textOf(batches: readonly RowBatch[]): string {
  return batches.map(({ bytes }) => Buffer.from(bytes).toString('utf8')).join('');
}
