import { createCsvCodec } from '../../../src/codecs/csv/csv-codec.ts';
import { type CsvSettings, defaultCsvSettings } from '../../../src/codecs/csv/csv-settings.ts';
import type { BatchLimits } from '../../../src/core/batch-limits.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { findSluiceError, SluiceError } from '../../../src/core/error.ts';
import type { Position } from '../../../src/core/position.ts';
import type { RowBatch } from '../../../src/core/row-batch.ts';
import { columnNames, type Schema } from '../../../src/core/schema.ts';

export interface Reading {
  readonly settings?: Partial<CsvSettings>;
  readonly limits?: Partial<BatchLimits>;
  /** Sizes of the chunks, again from the front when they are used up. */
  readonly cuts?: readonly number[];
  readonly after?: Position | null;
  readonly schema?: Schema | null;
  readonly clock?: Clock;
}

export interface Read {
  readonly batches: readonly RowBatch[];
  readonly error: SluiceError | null;
}

/** Chunks in one buffer that is overwritten each time, as a source with recycled buffers gives them. */
export async function* recycledChunks(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(Math.max(1, ...cuts));
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const size = cuts[i % cuts.length]!;
    const part = bytes.subarray(at, at + size);
    buffer.fill(0x58);
    buffer.set(part);
    yield buffer.subarray(0, part.length);
    at += size;
  }
}

/** Reads all of `source` (or what is behind `after`), as a connector does: opened at the codec's offset. */
export async function readCsv(source: Uint8Array | string, reading: Reading = {}): Promise<Read> {
  const bytes = typeof source === 'string' ? Buffer.from(source) : source;
  const codec = createCsvCodec({ ...defaultCsvSettings, ...reading.settings }, { clock: reading.clock ?? systemClock });
  const after = reading.after ?? null;
  const limits = { rows: 1000, bytes: 2 ** 20, lingerMs: Number.POSITIVE_INFINITY, ...reading.limits };
  const chunks = recycledChunks(bytes.subarray(codec.offset(after)), reading.cuts ?? [65_536]);
  const batches: RowBatch[] = [];
  try {
    const context = { split: 'rows.csv', after, limits };
    for await (const batch of codec.decode(chunks, context, reading.schema ?? null, new AbortController().signal)) {
      batches.push(batch);
    }
    return { batches, error: null };
  } catch (error) {
    const known = findSluiceError(error);
    if (known === undefined) throw error;
    return { batches, error: known };
  }
}

export function recordsOf(read: Read): (readonly unknown[])[] {
  return read.batches.flatMap((batch) => [...batch.records()]);
}

export function linesOf(read: Read): number[] {
  return read.batches.flatMap((batch) => [...(batch.origin.lines ?? [])]);
}

export function bytesOf(read: Read): string {
  return Buffer.concat(read.batches.map((batch) => batch.bytes)).toString();
}

export function headerOf(read: Read): readonly string[] | undefined {
  const schema = read.batches[0]?.schema;
  return schema === undefined ? undefined : columnNames(schema);
}

/** A batch as plain data, for comparing whole readings. */
export function plainBatch(batch: RowBatch): unknown {
  return {
    bytes: Buffer.from(batch.bytes).toString('latin1'),
    ends: [...batch.ends],
    origin: {
      ...batch.origin,
      lines: [...(batch.origin.lines ?? [])],
      rejected: batch.origin.rejected.map((record) => ({
        ...record,
        bytes: Buffer.from(record.bytes).toString('latin1'),
      })),
    },
  };
}
