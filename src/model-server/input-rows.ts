import type { ByteWriter } from '../core/byte-writer.ts';
import { SluiceError } from '../core/error.ts';
import type { Json } from '../core/json.ts';
import type { ColumnEncoder } from './column-encoder.ts';

/** The rows of one request: their features as a matrix, and the cells that the reply repeats. */
export interface InputRows {
  readonly count: number;
  readonly columns: readonly string[];
  /** Rows by features; may be longer than the rows need. */
  readonly matrix: Float32Array;
  /** Rows that cannot be scored, with the reason. */
  readonly failures: ReadonlyMap<number, string>;
  /** The text of a kept cell; null for a missing one. */
  text(row: number, column: number): string | null;
  /** A kept cell as JSON: as it was in a JSON request, text or null from CSV. */
  json(row: number, column: number): Json;
  /** Writes a kept cell as CSV: as it stood in a CSV request. */
  writeCsv(row: number, column: number, out: ByteWriter): void;
}

/** What a reader of requests is told. */
export interface ReadPlan {
  readonly encoders: readonly ColumnEncoder[];
  /** Features in a row of the matrix. */
  readonly features: number;
  /** Given the columns of the request, the indexes of those whose cells will be asked for. May throw. */
  keep(columns: readonly string[]): readonly number[];
}

/** A request that cannot be understood: status 422, and the row (from 0) where one is to blame. */
export function invalidRequest(problem: string, row?: number): SluiceError {
  const where = row === undefined ? '' : `row ${row}: `;
  return new SluiceError('REQUEST_INVALID', `${where}${problem}`, {
    status: 422,
    ...(row === undefined ? {} : { row }),
  });
}

/** Refuses a request without all columns of the features, or with one of its columns twice. */
export function checkColumns(columns: readonly string[], encoders: readonly ColumnEncoder[]): void {
  const present = new Set(columns);
  const missing = encoders.filter(({ column }) => !present.has(column)).map(({ column }) => `"${column}"`);
  if (missing.length > 0) {
    const plural = missing.length === 1 ? 'The column' : 'The columns';
    throw invalidRequest(
      `${plural} ${missing.join(', ')} of the model's features ${missing.length === 1 ? 'is' : 'are'} missing.`,
    );
  }
  if (present.size === columns.length) return;
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  throw invalidRequest(`The column "${twice}" occurs twice.`);
}

/** Why a cell could not be encoded, for the row's status. */
export function cellProblem({ column, type }: ColumnEncoder, text: string): string {
  const shown = text.length > 100 ? `${text.slice(0, 100)}...` : text;
  return `Column "${column}": "${shown}" is not a ${type === 'category' ? 'text' : type}.`;
}
