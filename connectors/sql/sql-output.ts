import type { TableName } from './sql-column.ts';

/** What a job writes to a database. */
export interface SqlOutput {
  readonly table: TableName;
  readonly statement: 'insert' | 'update' | 'insert_update';
  /** Whether the table is made: never, when it is not there, or by this job only. */
  readonly create: 'never' | 'if-missing' | 'must';
  /** Columns that are set in rows that are there; empty: all but `whereColumns`. */
  readonly updateColumns: readonly string[];
  /** Columns that a row of the table and one of the output are alike in. */
  readonly whereColumns: readonly string[];
  /** Whether the table shows all rows at once, at the end. */
  readonly atOnce: boolean;
  /** A column that gets the ID of the run. */
  readonly runColumn: string | null;
  /** The schema of the ledger and the dead letters; null: that of the table. */
  readonly stateSchema: string | null;
  /** A part of the table that has a ledger of its own; null for the whole. */
  readonly part: string | null;
  readonly chunkBytes: number;
  /** Replace what earlier runs have written. */
  readonly overwrite: boolean;
  /** When too many rows are bad, those that the table refuses among them. */
  readonly failures: SqlFailureLimits;
}

export interface SqlFailureLimits {
  readonly abortOnError: boolean;
  /** Share of bad rows among those read; more than this ends the job. */
  readonly maxShare: number;
  /** The share is looked at from this many rows on. */
  readonly minRows: number;
}

/** An output's table in messages, as the job names it. */
export function tableOf({ table: { schema, name } }: SqlOutput): string {
  return `the table ${schema === null ? name : `${schema}.${name}`}`;
}
