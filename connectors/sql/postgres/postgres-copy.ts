import type { LoadTarget, SqlRead } from '../driver.ts';
import type { SqlColumn } from '../sql-column.ts';
import { postgresDialect as dialect } from './postgres-dialect.ts';

/**
 * The statement that sends rows as canonical CSV. It is COPY's own: null is an empty field, the empty string `""`. Only truth values are
 * written otherwise there, and a record of one null would be an empty line, which is no record.
 */
export function copyOutText({ from, columns, where, orderBy }: SqlRead): string {
  const source = 'table' in from ? dialect.tableName(from.table) : `(${from.query}\n) AS q`;
  const fields = columns.map((column) => outText(column, columns.length === 1)).join(', ');
  const condition = where === null ? '' : ` WHERE ${where}`;
  const order = orderBy.length === 0 ? '' : ` ORDER BY ${orderBy.map((name) => dialect.quote(name)).join(', ')}`;
  // A query's own order holds as long as nothing else is asked of it: PostgreSQL takes such a subquery's rows as they come.
  return `COPY (SELECT ${fields} FROM ${source}${condition}${order}) TO STDOUT WITH (FORMAT csv)`;
}

function outText({ name, type }: SqlColumn, alone: boolean): string {
  const field = dialect.quote(name);
  const text = type === 'boolean' ? `${field}::text` : type === 'timestamp' ? instantText(field) : field;
  return alone ? `COALESCE((${text})::text, '')` : type === 'timestamp' ? `${text} AS sluice_instant` : text;
}

/** `2024-01-31T12:00:00.5Z`, where PostgreSQL writes `2024-01-31 12:00:00.5+00`. It must not have the column's name: rows are in the order of that. */
function instantText(field: string): string {
  return `replace(replace(replace(${field}::text, ' ', 'T'), '+00', 'Z'), 'TBC', ' BC')`;
}

/** The statement that takes rows of canonical CSV. */
export function copyInText({ table, columns }: LoadTarget): string {
  const names = columns.map((column) => dialect.quote(column.name));
  // Files with all fields in quotes have `""` for a number that is missing.
  const nulls = columns.filter((column) => !column.holdsEmptyText || columns.length === 1);
  const forced =
    nulls.length === 0 ? '' : `, FORCE_NULL (${nulls.map((column) => dialect.quote(column.name)).join(', ')})`;
  return `COPY ${dialect.tableName(table)} (${names.join(', ')}) FROM STDIN WITH (FORMAT csv${forced})`;
}
