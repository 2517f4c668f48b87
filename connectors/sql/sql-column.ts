import type { Column } from '../../src/sdk.ts';

/** A table as a job names it; null parts are those of the connection. */
export interface TableName {
  readonly catalog: string | null;
  readonly schema: string | null;
  readonly name: string;
}

/** One column of a table or of the result of a query. */
export interface SqlColumn {
  readonly name: string;
  /** What its values are to Sluice; undefined for types that are text to it (`uuid`, `json`). */
  readonly type: Column['type'];
  /** The database's own words for its type: `character varying(20)`. Part of an intake's identity. */
  readonly declared: string;
  /** Whether the empty string is a value of it that is not null. False for numbers, dates and the like. */
  readonly holdsEmptyText: boolean;
  /** False for columns that the database fills itself and lets nobody write. */
  readonly writable: boolean;
}

/** What is known of a table. */
export interface TableDescription {
  /** Its name in full, as the database found it. */
  readonly table: TableName;
  /** In their order. */
  readonly columns: readonly SqlColumn[];
  /** The columns of its primary key, else of a unique key without nulls; empty when it has neither. */
  readonly key: readonly string[];
  /** Why a job must not write it, in words that follow its name; left out where it may. */
  readonly unwritable?: string;
}

/** A column's place in a table by the name that a job gives it: exactly, or but for the case of its letters. */
export function columnNamed(columns: readonly SqlColumn[], name: string): SqlColumn | undefined {
  const exact = columns.find((column) => column.name === name);
  if (exact !== undefined) return exact;
  const folded = columns.filter((column) => column.name.toLowerCase() === name.toLowerCase());
  return folded.length === 1 ? folded[0] : undefined;
}
