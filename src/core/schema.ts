/**
 * What the cells of a column are, as text: `number` is a double and `decimal` has digits that no double holds; `date` is YYYY-MM-DD;
 * `timestamp` is an instant in ISO 8601 with its zone, to the microsecond at the most. What is none of these is `string`.
 */
export type ColumnType = 'boolean' | 'integer' | 'number' | 'decimal' | 'string' | 'date' | 'timestamp';

/** One column of a data set. `type` is set only where the source knows it (SQL, Avro, Parquet), never guessed. */
export interface Column {
  readonly name: string;
  readonly type?: ColumnType;
}

/** The columns of a batch, in the order of its fields. Batches of one job share one schema object where they can. */
export interface Schema {
  readonly columns: readonly Column[];
}

/** A schema of untyped columns. */
export function schemaOf(names: readonly string[]): Schema {
  return { columns: names.map((name) => ({ name })) };
}

/** The column names, in order. */
export function columnNames(schema: Schema): readonly string[] {
  return schema.columns.map((column) => column.name);
}

/** Whether two schemas have the same names in the same order (types are advice, not identity). */
export function sameColumns(a: Schema, b: Schema): boolean {
  return a === b || (a.columns.length === b.columns.length && a.columns.every((c, i) => c.name === b.columns[i]?.name));
}
