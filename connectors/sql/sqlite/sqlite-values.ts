import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { Value } from '../../../src/sdk.ts';
import type { SqlColumn } from '../sql-column.ts';
import { affinity } from './sqlite-dialect.ts';

/** A column by its declared type, which SQLite does not hold anybody to. */
export function sqliteColumn(name: string, declared: string | null): SqlColumn {
  const text = declared ?? '';
  return { name, type: typeOf(text), declared: text, holdsEmptyText: holdsText(text), writable: true };
}

function typeOf(declared: string): SqlColumn['type'] {
  if (/BOOL/i.test(declared)) return 'boolean';
  // Whatever stands in it: SQLite has no such type.
  if (/DATETIME|TIMESTAMP/i.test(declared)) return 'string';
  if (/^DATE/i.test(declared)) return 'date';
  const kind = affinity(declared);
  if (kind === 'INTEGER') return 'integer';
  if (kind === 'REAL') return 'number';
  if (kind === 'TEXT') return 'string';
  return kind === 'NUMERIC' && /NUM|DEC/i.test(declared) ? 'number' : undefined;
}

function holdsText(declared: string): boolean {
  const kind = affinity(declared);
  return kind === 'TEXT' || kind === 'BLOB';
}

/** A cell that was read. SQLite has no truth values, only columns that are called so; bytes come as their hexadecimal digits. */
export function fromSqlite(value: SQLOutputValue | undefined, type: SqlColumn['type']): Value {
  if (value === null || value === undefined) return null;
  if (type === 'boolean' && (value === 0 || value === 1 || value === 0n || value === 1n)) return Number(value) === 1;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  // As other databases write a number that happens to be whole.
  return value;
}

/** A cell of canonical CSV. Text becomes a number by the column's affinity; a truth value has to be one already. */
export function toSqlite(text: string | null, column: SqlColumn, alone: boolean): SQLInputValue {
  if (text === null || (text === '' && (alone || !column.holdsEmptyText))) return null;
  if (column.type !== 'boolean') return text;
  if (/^true$/i.test(text)) return 1;
  return /^false$/i.test(text) ? 0 : text;
}
