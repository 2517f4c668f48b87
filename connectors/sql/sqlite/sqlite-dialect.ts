import { type SqlDialect, STAGE_ROW } from '../dialect.ts';
import { isWallClock, type SqlColumn, type TableName } from '../sql-column.ts';

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
  literal,
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

const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
const BYTES = /^(?:[0-9a-f]{2})*$/i;
/** A number beyond all others, as SQLite has no word for it. */
const INFINITY = '9e999';

/**
 * A value as it stands in a column. Any column may hold numbers, texts and bytes, which come in this order, whatever is declared: in one of
 * numbers (days and times are of that kind, too) only what is no number is a text; where nothing is declared, or bytes, the value is of
 * the kind of the row that it is compared with.
 */
function literal(text: string, { name, declared }: SqlColumn): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  const kind = affinity(declared);
  if (kind === 'TEXT') return quoted;
  const numberAs = (type: 'NUMERIC' | 'REAL'): string | null => {
    if (/^-?Infinity$/.test(text)) return text.replace('Infinity', INFINITY);
    return NUMBER.test(text) ? `CAST(${quoted} AS ${type})` : null;
  };
  if (kind !== 'BLOB') return numberAs(kind === 'REAL' ? 'REAL' : 'NUMERIC') ?? quoted;
  const [whole, real] = [numberAs('NUMERIC') ?? INFINITY, numberAs('REAL') ?? INFINITY];
  const bytes = BYTES.test(text) ? `x'${text}'` : "x''";
  return `CASE typeof(${quote(name)}) WHEN 'text' THEN ${quoted} WHEN 'blob' THEN ${bytes} WHEN 'real' THEN ${real} ELSE ${whole} END`;
}

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
