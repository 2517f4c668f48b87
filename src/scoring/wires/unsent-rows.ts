import { COMMA, LF, QUOTE } from '../../core/canonical-csv.ts';
import type { RowFailure, Scores } from '../../core/scorer.ts';
import { allFailed } from '../merge-scores.ts';

/**
 * The scores of the rows that were sent as those of all rows of the batch: a record without content for each that was not.
 * @param unsent sorted by row.
 */
export function withUnsentRows(sent: Scores, unsent: readonly RowFailure[]): Scores {
  if (unsent.length === 0) return sent;
  const rows = sent.rows + unsent.length;
  const blank = blankRecord(sent.columns.length);
  const isUnsent = new Map(unsent.map((failure) => [failure.row, failure]));
  const failed = new Map(sent.failures.map((failure) => [failure.row, failure]));
  const failures: RowFailure[] = [];
  const bytes = Buffer.allocUnsafe(sent.bytes.length + unsent.length * blank.length);
  const ends = new Uint32Array(rows);
  let out = 0;
  for (let row = 0, at = 0; row < rows; row += 1) {
    const failure = isUnsent.get(row);
    if (failure !== undefined) {
      failures.push(failure);
      bytes.set(blank, out);
      out += blank.length;
    } else {
      const fault = failed.get(at);
      if (fault !== undefined) failures.push({ ...fault, row });
      const start = at === 0 ? 0 : (sent.ends[at - 1] ?? 0);
      const end = sent.ends[at] ?? start;
      bytes.set(sent.bytes.subarray(start, end), out);
      out += end - start;
      at += 1;
    }
    ends[row] = out;
  }
  if (sent.columns.length === 0) return { ...allFailed(failures), model: sent.model };
  return { rows, columns: sent.columns, bytes: bytes.subarray(0, out), ends, failures, model: sent.model };
}

function blankRecord(cells: number): Uint8Array {
  const record = new Uint8Array(cells === 1 ? 3 : cells).fill(cells === 1 ? QUOTE : COMMA);
  record[record.length - 1] = LF;
  return cells === 0 ? new Uint8Array(0) : record;
}
