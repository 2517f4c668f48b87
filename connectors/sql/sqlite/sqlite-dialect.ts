import { type SqlDialect, STAGE_ROW } from '../dialect.ts';
import { isWallClock, type TableName } from '../sql-column.ts';

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function tableName({ schema, name }: TableName): string {
  return schema === null ? quote(name) : `${quote(schema)}.${quote(name)}`;
}

const TYPES = {
  boolean: 'BOOLEAN',
  integer: 'INTEGER',
  number: 'REAL',
  // Digits that no double holds; only text keeps them.
  decimal: 'TEXT',
  string: 'TEXT',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
} as const;

/** How SQLite writes SQL. */
export const sqliteDialect: SqlDialect = {
  quote,
  tableName,
  parameter: (_index, column) => (column === undefined ? '?' : comparable('?', column.declared)),
  literal: (text, { declared }) => comparable(`'${text.replaceAll("'", "''")}'`, declared),
  typeOf: (type, exact) => {
    if (isWallClock(exact)) return TYPES.timestamp;
    // Its whole numbers have 63 bits and a sign; larger ones become doubles.
    return TYPES[exact === 'uint64' ? 'decimal' : (type ?? 'string')];
  },
  keyText: () => 'TEXT',
  longText: 'TEXT',
  createStage({ stage, columns, lasting }) {
    const name = lasting ? tableName(stage) : quote(stage.name);
    const fields = columns.map((column) => `${quote(column.name)} ${column.declared}`);
    return [
      `DROP TABLE IF EXISTS ${lasting ? name : `temp.${name}`}`,
      `CREATE ${lasting ? '' : 'TEMPORARY '}TABLE ${name} (${quote(STAGE_ROW)} INTEGER PRIMARY KEY AUTOINCREMENT, ${fields.join(', ')})`,
    ];
  },
  updateFromStage({ table, stage, where, set, match }) {
    const sets = set.map((column) => `${column} = s.${column}`).join(', ');
    const alike = match.map((column) => `t.${column} = s.${column}`).join(' AND ');
    return `UPDATE ${table} AS t SET ${sets} FROM ${stage} AS s WHERE ${where} AND ${alike}`;
  },
  savepoint: { set: 'SAVEPOINT sluice', rollback: 'ROLLBACK TO sluice', release: 'RELEASE sluice' },
  createsInTransaction: true,
  comparesRows: true,
};

/** A value from text compares with a column by the column's affinity, which a bare text would not have everywhere. */
function comparable(value: string, declared: string): string {
  return declared === '' ? value : `CAST(${value} AS ${affinity(declared)})`;
}

/** SQLite's rules for the affinity of a declared type, in their order. */
export function affinity(declared: string): 'INTEGER' | 'TEXT' | 'BLOB' | 'REAL' | 'NUMERIC' {
  if (/INT/i.test(declared)) return 'INTEGER';
  if (/CHAR|CLOB|TEXT/i.test(declared)) return 'TEXT';
  if (declared === '' || /BLOB/i.test(declared)) return 'BLOB';
  return /REAL|FLOA|DOUB/i.test(declared) ? 'REAL' : 'NUMERIC';
}
