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
  /** What exactly, where the catalog says it. A wall clock's date and time is a `string` that is a `local-timestamp-*`. */
  readonly exact?: Column['exact'];
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

/** What a column is to the rest of Sluice. */
export function meaningOf({ name, type, exact }: SqlColumn): Column {
  return { name, ...(type === undefined ? {} : { type }), ...(exact === undefined ? {} : { exact }) };
}

/** Whether the database has a date and time in a column, of a wall clock or of an instant. */
export function isMoment({ type, exact }: Pick<SqlColumn, 'type' | 'exact'>): boolean {
  return type === 'timestamp' || exact?.startsWith('local-timestamp-') === true;
}

export function isNumeric({ type }: Pick<SqlColumn, 'type'>): boolean {
  return type === 'integer' || type === 'number' || type === 'decimal';
}

/** A wall clock's date and time to the microsecond: of these every database has a type. */
export function isWallClock(exact: Column['exact']): boolean {
  return exact === 'local-timestamp-millis' || exact === 'local-timestamp-micros';
}

/** The digits of a decimal, and how many of them stand behind the point; null where nobody knows. */
export function digitsOf(exact: Column['exact']): { readonly precision: number; readonly scale: number } | null {
  const found = exact === undefined ? null : /^decimal\((\d+),(\d+)\)$/.exec(exact);
  return found === null ? null : { precision: Number(found[1]), scale: Number(found[2]) };
}

/** `exact` of the words that databases have: `numeric(10,2)`, `decimal(10, 2) unsigned`, `decimal(10)`. */
export function exactDecimal(declared: string): Pick<SqlColumn, 'exact'> {
  const found = /^[a-z ]+\((\d+)(?:, ?(\d+))?\)/i.exec(declared);
  if (found === null) return {};
  const [precision, scale] = [Number(found[1]), Number(found[2] ?? 0)];
  return scale > precision ? {} : { exact: `decimal(${precision},${scale})` };
}

/** A column's place in a table by the name that a job gives it: exactly, or but for the case of its letters. */
export function columnNamed(columns: readonly SqlColumn[], name: string): SqlColumn | undefined {
  const exact = columns.find((column) => column.name === name);
  if (exact !== undefined) return exact;
  const folded = columns.filter((column) => column.name.toLowerCase() === name.toLowerCase());
  return folded.length === 1 ? folded[0] : undefined;
}
