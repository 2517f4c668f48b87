import { COMMA, LF, QUOTE } from '../core/canonical-csv.ts';
import { SluiceError } from '../core/error.ts';
import type { RowFailure, ScoreColumn, Scores } from '../core/scorer.ts';

const NO_BYTES = new Uint8Array(0);
const NO_ENDS = new Uint32Array(0);

/** Outcomes of a batch of which no row was scored. */
export function allFailed(failures: readonly RowFailure[]): Scores {
  return { rows: failures.length, columns: [], bytes: NO_BYTES, ends: NO_ENDS, failures, model: null };
}

/** The outcomes of consecutive parts of one batch as those of the whole. Throws REPLY_MISMATCH when their columns differ. */
export function mergeScores(parts: readonly Scores[]): Scores {
  if (parts.length === 1) return parts[0]!;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const columns = parts.find((part) => part.columns.length > 0)?.columns ?? [];
  const failures: RowFailure[] = [];
  const ends = new Uint32Array(columns.length === 0 ? 0 : rows);
  const pieces: Uint8Array[] = [];
  let first = 0;
  let length = 0;
  for (const part of parts) {
    for (const failure of part.failures) failures.push({ ...failure, row: first + failure.row });
    if (columns.length > 0) {
      const piece = part.columns.length === 0 ? blankRecords(part.rows, columns.length) : checked(part, columns);
      for (let row = 0; row < part.rows; row += 1) ends[first + row] = length + piece.ends[row]!;
      pieces.push(piece.bytes);
      length += piece.bytes.length;
    }
    first += part.rows;
  }
  const model = parts.find((part) => part.model !== null)?.model ?? null;
  return { rows, columns, bytes: Buffer.concat(pieces, length), ends, failures, model };
}

function checked(part: Scores, columns: readonly ScoreColumn[]): Scores {
  const same =
    part.columns === columns ||
    (part.columns.length === columns.length && part.columns.every((column, i) => column.name === columns[i]?.name));
  if (same) return part;
  throw new SluiceError(
    'REPLY_MISMATCH',
    `The prediction server gave the parts of one batch different columns: ${names(columns)}; then ${names(part.columns)}.`,
  );
}

function names(columns: readonly ScoreColumn[]): string {
  return columns.map((column) => column.name).join(', ');
}

function blankRecords(rows: number, cells: number): { readonly bytes: Uint8Array; readonly ends: Uint32Array } {
  const width = cells === 1 ? 3 : cells;
  const bytes = new Uint8Array(rows * width).fill(cells === 1 ? QUOTE : COMMA);
  const ends = new Uint32Array(rows);
  for (let row = 0; row < rows; row += 1) {
    bytes[(row + 1) * width - 1] = LF;
    ends[row] = (row + 1) * width;
  }
  return { bytes, ends };
}
