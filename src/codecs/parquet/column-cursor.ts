import type { RecordBuffer } from './record-buffer.ts';

/** One column of a row group, read row by row. */
export interface ColumnCursor {
  /** Passes over rows; before the first `put`. */
  skip(rows: number): void;
  /** Writes the field of the next row. */
  put(out: RecordBuffer): void;
}
