import type { SqlColumn, TableName } from './sql-column.ts';

/** A merge of staged rows into a table, in the words of which each database has its own. All names are quoted already. */
interface StageMerge {
  readonly table: string;
  readonly stage: string;
  /** Which staged rows; speaks of their columns by `s.`. */
  readonly where: string;
  /** Columns to set to those of the same name in the stage. */
  readonly set: readonly string[];
  /** Columns that a staged row and a row of the table are alike in. */
  readonly match: readonly string[];
}

/** A stage: a table of Sluice's own, with the columns of an output and one that numbers its rows. Statements name it more than once. */
export interface StageTable {
  readonly stage: TableName;
  /** The table that the rows go to in the end. It need not be there yet: the stage is made of the columns. */
  readonly table: TableName;
  /** Those that the job writes, with the types that are declared for them. */
  readonly columns: readonly SqlColumn[];
  /** Whether it must outlive the connection. One that need not may be a temporary table; it may be written outside a transaction, too. */
  readonly lasting: boolean;
}

/** The name of the column that numbers the rows of a stage: ascending in the order in which they were loaded, filled by the database. */
export const STAGE_ROW = 'sluice_row';

/** How one database writes SQL. Everything here is text; nothing waits. Functions are used by themselves: they know no `this`. */
export interface SqlDialect {
  /** An identifier in quotes, whatever it holds. */
  readonly quote: (identifier: string) => string;
  /** A table's name in quotes, with the parts that are given. */
  readonly tableName: (table: TableName) => string;
  /** The placeholder of the parameter `index`, from 1; `column`: as a value of its type. */
  readonly parameter: (index: number, column?: SqlColumn) => string;
  /** A value of a column's type, given as canonical text. Must be safe whatever the text holds. */
  readonly literal: (text: string, column: SqlColumn) => string;
  /** The type of a column that Sluice creates. */
  readonly typeOf: (type: SqlColumn['type'], exact?: SqlColumn['exact']) => string;
  /** The type of a short text that may be (part of) a primary key, of at most `length` characters. */
  readonly keyText: (length: number) => string;
  /** The type of a text of any length (ledgers, dead letters). */
  readonly longText: string;
  /** The statements that make a stage anew, one that is left over removed first. */
  readonly createStage: (stage: StageTable) => readonly string[];
  /** `UPDATE table SET … FROM stage`. Each row of the table is matched by one staged row at the most. */
  readonly updateFromStage: (merge: StageMerge) => string;
  /** Statements around what may fail by its rows without ending the transaction. `release`: null where there is none. */
  readonly savepoint: { readonly set: string; readonly rollback: string; readonly release: string | null };
  /** Whether CREATE TABLE is undone with its transaction. Left out: no, it may even end one. */
  readonly createsInTransaction?: boolean;
  /** That two columns hold the same, to the last byte. Left out: `=` says so. */
  readonly same?: (a: string, b: string) => string;
  /** Whether a row can be compared as `(a, b) > (1, 2)`. */
  readonly comparesRows: boolean;
}
