import { type SqlDialect, STAGE_ROW } from '../dialect.ts';
import { digitsOf, isWallClock, type SqlColumn, type TableName } from '../sql-column.ts';

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** A catalog is never written: a connection sees one database only. */
function tableName({ schema, name }: TableName): string {
  return schema === null ? quote(name) : `${quote(schema)}.${quote(name)}`;
}

const TYPES = {
  boolean: 'boolean',
  integer: 'bigint',
  number: 'double precision',
  decimal: 'numeric',
  string: 'text',
  date: 'date',
  timestamp: 'timestamptz',
} as const;

/** The type that takes every value of what is known to be `exact`. */
function typeOf(type: SqlColumn['type'], exact?: SqlColumn['exact']): string {
  const digits = digitsOf(exact);
  if (digits !== null) return `numeric(${digits.precision},${digits.scale})`;
  if (isWallClock(exact)) return 'timestamp';
  if (type === 'integer' && exact === 'int32') return 'integer';
  if (type === 'integer' && exact === 'uint64') return 'numeric(20,0)';
  return type === 'number' && exact === 'float' ? 'real' : TYPES[type ?? 'string'];
}

/** How PostgreSQL writes SQL. */
export const postgresDialect: SqlDialect = {
  quote,
  tableName,
  parameter: (index, column) => (column === undefined ? `$${index}` : `CAST($${index}::text AS ${column.declared})`),
  // An E string means the same whatever the server's standard_conforming_strings.
  literal: (text, { declared }) => `CAST(E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}' AS ${declared})`,
  typeOf,
  keyText: (length) => `varchar(${length})`,
  longText: 'text',
  createStage({ stage, columns, lasting }) {
    // A temporary table has no schema of its own choice.
    const name = lasting ? tableName(stage) : quote(stage.name);
    const fields = columns.map((column) => `${quote(column.name)} ${column.declared}`);
    return [
      `DROP TABLE IF EXISTS ${lasting ? name : `pg_temp.${name}`}`,
      `CREATE ${lasting ? '' : 'TEMPORARY '}TABLE ${name} (${quote(STAGE_ROW)} bigint GENERATED ALWAYS AS IDENTITY, ${fields.join(', ')})`,
    ];
  },
  updateFromStage({ table, stage, where, set, match }) {
    return `UPDATE ${table} AS t SET ${pairs(set, ['', 's.'], ', ')} FROM ${stage} AS s WHERE ${where} AND ${pairs(match, ['t.', 's.'], ' AND ')}`;
  },
  savepoint: { set: 'SAVEPOINT sluice', rollback: 'ROLLBACK TO SAVEPOINT sluice', release: 'RELEASE SAVEPOINT sluice' },
  createsInTransaction: true,
  comparesRows: true,
};

function pairs(columns: readonly string[], sides: readonly [string, string], between: string): string {
  return columns.map((column) => `${sides[0]}${column} = ${sides[1]}${column}`).join(between);
}
