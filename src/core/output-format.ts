import type { RowBatch } from './row-batch.ts';
import type { Schema } from './schema.ts';
import type { OutputRows } from './scored-batch.ts';
import type { Scores } from './scorer.ts';

/**
 * The columns of an output whose intake had records and never a row among them, so that nobody knows its columns: one
 * that stays blank, as a file without columns is no CSV.
 */
export const ROWLESS_SCHEMA: Schema = { columns: [{ name: 'prediction_status' }] };

/**
 * The output columns of a job: which cells of the reply and of the row make an output row, in which order, under
 * which names. Stateful in one thing: the schema, known from the first reply (or from the ledger) on, which never changes.
 */
export interface OutputFormat {
  /** The output's schema, or null while no reply has shown the prediction columns. */
  readonly schema: Schema | null;
  /**
   * Joins a batch with its scores; one output row per row, in order. A failed row has blank prediction cells. While the
   * schema is unknown (every row so far failed) only the cells behind the predictions are written, and `schema` is null.
   * Throws COLUMN_CONFLICT or COLUMN_UNKNOWN when the settings do not fit the columns, REPLY_MISMATCH when a reply
   * has other columns than those before.
   */
  render(batch: RowBatch, scores: Scores): OutputRows;
  /** Completes rows that were rendered while the schema was unknown: blank prediction cells before the cells they have. */
  complete(rows: OutputRows, schema: Schema): OutputRows;
  /** The schema of an output in which no row was ever scored: the cells behind the predictions only. */
  unscoredSchema(): Schema;
}
