import type { BatchLimits } from './batch-limits.ts';
import { encodeRecords } from './canonical-csv.ts';
import type { Position } from './position.ts';
import { RowBatch } from './row-batch.ts';
import type { Schema } from './schema.ts';
import type { Value } from './value.ts';

/** A row of a source that reads values, and where the source would go on behind it. */
export interface PlacedRow {
  readonly values: readonly Value[];
  readonly position: Position;
}

/** What the batches of a split begin with. */
export interface SplitRows {
  readonly split: string;
  readonly schema: Schema;
  /** The position that the rows begin behind; null at the start of the split. */
  readonly after: Position | null;
  /** How many rows of the split stand before them. */
  readonly firstRow: number;
  readonly limits: BatchLimits;
}

/**
 * Cuts rows into batches by rows and bytes, as `Source.read` must: the same ones on every run. A row that is larger than the limit comes
 * alone. For sources that read values (databases, JSON); `createCsvCodec` does it for text.
 */
export async function* batchesOf(
  rows: Iterable<PlacedRow> | AsyncIterable<PlacedRow>,
  { split, schema, after: start, firstRow: first, limits }: SplitRows,
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  let [after, firstRow, bytes] = [start, first, 0];
  let held: PlacedRow[] = [];
  const batch = (): RowBatch => {
    const { position } = held.at(-1)!;
    const origin = { split, firstRow, after, position, rejected: [] };
    const made = RowBatch.fromRecords(
      schema,
      origin,
      held.map(({ values }) => values),
    );
    [after, firstRow, held, bytes] = [position, firstRow + held.length, [], 0];
    return made;
  };
  signal.throwIfAborted();
  for await (const row of rows) {
    const size = encodeRecords([row.values]).bytes.length;
    if (held.length > 0 && (held.length >= limits.rows || bytes + size > limits.bytes)) {
      yield batch();
      signal.throwIfAborted();
    }
    held.push(row);
    bytes += size;
  }
  if (held.length > 0) yield batch();
}
