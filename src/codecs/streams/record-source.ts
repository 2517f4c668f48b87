import type { BatchLimits } from '../../core/batch-limits.ts';
import { SluiceError } from '../../core/error.ts';
import { RowBatch } from '../../core/row-batch.ts';
import { columnNames, type Schema, schemaOf } from '../../core/schema.ts';
import type { Source } from '../../core/source.ts';
import type { Value } from '../../core/value.ts';

/** One row: a value for each column. A column that a row lacks is null. */
export type ObjectRow = Readonly<Record<string, Value | undefined>>;

/** Rows are gathered by number; their size in bytes is known only when they are written as CSV. */
const MOST_ROWS = 1_000;
const NAME = 'the stream';

/**
 * The source for a stream of objects that comes once: one split, no identity, no continuation. The columns are the keys
 * of the first row; a row with another key is CSV_HEADER, with its number.
 */
export function createRecordSource(input: AsyncIterable<ObjectRow>): Source {
  return {
    bytesRead: 0,
    identity: async () => null,
    splits: async () => [{ id: NAME, bytes: null }],
    read: (_split, _after, limits, signal) => batches(input, limits, signal),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function* batches(
  input: AsyncIterable<ObjectRow>,
  limits: BatchLimits,
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  let schema: Schema | undefined;
  let names: readonly string[] = [];
  let known = new Set<string>();
  let records: Value[][] = [];
  let row = 0;
  const batch = (): RowBatch => {
    const firstRow = row - records.length;
    const origin = { split: NAME, firstRow, after: firstRow === 0 ? null : firstRow, position: row, rejected: [] };
    const made = RowBatch.fromRecords(schema!, origin, records);
    records = [];
    return made;
  };
  for await (const object of input) {
    signal.throwIfAborted();
    if (schema === undefined) {
      schema = schemaOf(Object.keys(object));
      names = columnNames(schema);
      known = new Set(names);
    }
    const stranger = Object.keys(object).find((key) => !known.has(key));
    if (stranger !== undefined) {
      throw new SluiceError(
        'CSV_HEADER',
        `row ${row} has a column "${stranger}" that the first row does not have; give every row the keys of the first`,
      );
    }
    records.push(names.map((name) => object[name] ?? null));
    row += 1;
    if (records.length >= Math.min(limits.rows, MOST_ROWS)) yield batch();
  }
  if (records.length > 0) yield batch();
}
