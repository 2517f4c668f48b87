import { encodeRecords } from '../../../src/core/canonical-csv.ts';
import { SluiceError } from '../../../src/core/error.ts';
import { RowBatch } from '../../../src/core/row-batch.ts';
import { schemaOf } from '../../../src/core/schema.ts';
import type { Scores } from '../../../src/core/scorer.ts';
import type { Value } from '../../../src/core/value.ts';

const plainSchema = schemaOf(['id', 'text']);

/** A batch of given records, by default with the columns `id` and `text`. */
export function batchOf(records: readonly (readonly Value[])[], schema = plainSchema): RowBatch {
  const { bytes, ends } = encodeRecords(records);
  const origin = { split: 'rows.csv', firstRow: 0, after: null, position: records.length, rejected: [] };
  return RowBatch.fromCsv(schema, origin, bytes, ends);
}

/** Rows with the ids `from` to `from + rows - 1`. */
export function numbered(rows: number, from = 0): RowBatch {
  return batchOf(Array.from({ length: rows }, (_, i) => [from + i, `row ${from + i}`]));
}

/** The records of an outcome as text, one string each, without the line end; a failed row is its reason in brackets. */
export function recordsOf(scores: Scores): readonly string[] {
  const text = Buffer.from(scores.bytes);
  const records = Array.from({ length: scores.ends.length }, (_, i) =>
    text.subarray(i === 0 ? 0 : scores.ends[i - 1], scores.ends[i]! - 1).toString(),
  );
  for (const { row, reason } of scores.failures) records[row] = `[${reason}]`;
  return records;
}

/** The error that a promise rejects with, which must be one of ours. */
export async function faultOf(promise: Promise<unknown>): Promise<SluiceError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
  throw new Error('expected a rejection');
}

export const never = new AbortController().signal;
