import type { DatabaseSync } from 'node:sqlite';
import type { TableDescription, TableName } from '../sql-column.ts';
import { sqliteDialect as dialect } from './sqlite-dialect.ts';
import { sqliteColumn } from './sqlite-values.ts';

/** What a table or view of a database is like. */
export function describeSqliteTable(database: DatabaseSync, table: TableName): TableDescription | null {
  const schema = table.schema ?? 'main';
  const found = database
    .prepare(
      `SELECT name FROM ${dialect.quote(schema)}.sqlite_schema WHERE type IN ('table', 'view') AND lower(name) = lower(?)`,
    )
    .get(table.name);
  if (found === undefined) return null;
  const name = String(found.name);
  const rows = database
    .prepare('SELECT name, type, hidden, pk, "notnull" FROM pragma_table_xinfo(?, ?)')
    .all(name, schema);
  const columns = rows
    // 1 are the hidden columns of virtual tables; 2 and 3 are computed.
    .filter(({ hidden }) => hidden !== 1)
    .map(({ name: column, type, hidden }) => ({
      ...sqliteColumn(String(column), String(type)),
      writable: hidden === 0,
    }));
  const primary = rows.filter(({ pk }) => Number(pk) > 0).toSorted((a, b) => Number(a.pk) - Number(b.pk));
  // But for whole numbers, SQLite lets nulls into a primary key.
  const sure = primary.every(({ type, notnull }) => Number(notnull) === 1 || /^INTEGER$/i.test(String(type)));
  const key = sure ? primary.map(({ name: column }) => String(column)) : [];
  return { table: { catalog: null, schema: table.schema, name }, columns, key };
}
