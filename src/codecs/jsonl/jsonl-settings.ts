import type { Encoding } from '../text/encoding.ts';

/** How rows of JSON are read. */
export interface JsonlSettings {
  readonly encoding: Encoding;
  /** The columns, in order; a field of another name is left out. Null: those of the first rows. */
  readonly columns: readonly string[] | null;
  /** What a line does that is no object, or has a field that is no column: end the job, or become a dead letter. */
  readonly badRows: 'fail' | 'skip';
  /** Bytes of one line at the most. */
  readonly maxRecordBytes: number;
  /** What a row is called in messages: it is on a line, or it is an element of an array. */
  readonly unit: 'line' | 'element';
}
