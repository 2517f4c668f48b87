import type { TableName } from './sql-column.ts';

/** What a job reads from a database; one of `query` and `table`. */
export interface SqlIntake {
  readonly query: string | null;
  readonly table: TableName | null;
  /** Columns that tell the rows apart; empty: the table's own key. */
  readonly keyColumns: readonly string[];
  /** Rows of one range, about. */
  readonly rangeRows: number;
  /** Ranges that are read at once. */
  readonly connections: number;
  /** Bytes that may be read ahead. */
  readonly aheadBytes: number;
}
