import { type SqlDialect, STAGE_ROW, type StageTable } from '../dialect.ts';
import { mariaDbDialect, mysqlDialect } from '../mysql/mysql-dialect.ts';
import { OF_CONNECTION } from '../own-stages.ts';
import { postgresDialect } from '../postgres/postgres-dialect.ts';
import { digitsOf, isMoment, isNumeric, isWallClock, type SqlColumn, type TableName } from '../sql-column.ts';

type TypeWords = Readonly<Record<NonNullable<SqlColumn['type']>, string>>;

/** What differs from the standard. */
interface Words {
  /** `timestamp` is of a wall clock. */
  readonly types: Partial<TypeWords>;
  /** For instants; where there is none, they are the wall clock's of UTC. */
  readonly instant?: string;
  readonly keyText?: (length: number) => string;
  readonly longText?: string;
  /** A column that numbers the rows by itself. */
  readonly numbered?: string;
  /** Before `TABLE`, for tables that end with their connection; null where there are none that are easily had. */
  readonly temporary?: string | null;
  /** Backslashes in a text mean something. */
  readonly escapes?: boolean;
  readonly releases?: boolean;
  readonly savepoint?: SqlDialect['savepoint'];
  /** Behind a MERGE. */
  readonly mergeEnd?: string;
  readonly dropIfExists?: (kind: string, table: string) => string;
  /** Words before the text of a date or time; null: the text is enough. */
  readonly literalDates?: boolean;
  /** Bytes by their hexadecimal digits, if not as the standard has it. */
  readonly bytes?: (digits: string) => string;
  readonly national?: boolean;
}

const STANDARD: TypeWords = {
  boolean: 'boolean',
  integer: 'bigint',
  number: 'double precision',
  // As many digits as there are: of numbers one would have to know how many.
  decimal: 'varchar(4000)',
  string: 'varchar(4000)',
  date: 'date',
  timestamp: 'timestamp',
};

const PRODUCTS: Readonly<Record<string, Words>> = {
  h2: {
    types: { string: 'varchar' },
    instant: 'timestamp(6) with time zone',
    longText: 'clob',
    temporary: 'local temporary ',
  },
  oracle: {
    types: {
      boolean: 'number(1)',
      integer: 'number(19)',
      number: 'binary_double',
      string: 'varchar2(4000 char)',
      timestamp: 'timestamp(6)',
    },
    instant: 'timestamp(6) with time zone',
    keyText: (length) => `varchar2(${length} char)`,
    numbered: 'number generated always as identity',
    releases: false,
    bytes: (digits) => `hextoraw('${digits}')`,
    dropIfExists: (_kind, table) =>
      `begin execute immediate 'drop table ${table.replaceAll("'", "''")} purge'; exception when others then if sqlcode != -942 then raise; end if; end;`,
  },
  sqlserver: {
    types: { boolean: 'bit', number: 'float', string: 'nvarchar(max)', timestamp: 'datetime2' },
    instant: 'datetimeoffset',
    keyText: (length) => `nvarchar(${length})`,
    longText: 'nvarchar(max)',
    numbered: 'bigint identity(1, 1)',
    savepoint: { set: 'save transaction sluice', rollback: 'rollback transaction sluice', release: null },
    mergeEnd: ';',
    literalDates: false,
    national: true,
    bytes: (digits) => `0x${digits}`,
  },
  snowflake: {
    types: { string: 'varchar', number: 'float', timestamp: 'timestamp_ntz' },
    instant: 'timestamp_tz',
    longText: 'varchar',
    numbered: 'number autoincrement start 1 increment 1 order',
    temporary: 'temporary ',
    escapes: true,
  },
  db2: { types: { string: 'varchar(4000)' }, bytes: (digits) => `bx'${digits}'` },
  derby: { types: { string: 'varchar(32672)' }, releases: true, dropIfExists: (_kind, table) => `drop table ${table}` },
  hsqldb: { types: { string: 'longvarchar', number: 'double' } },
};

/** How a database is spoken to that has no driver of its own here: as the standard has it, but for what is known of the product. */
export function jdbcDialect(product: string): SqlDialect {
  if (product === 'mysql') return mysqlDialect;
  if (product === 'mariadb') return mariaDbDialect;
  if (product === 'postgresql')
    return {
      ...postgresDialect,
      parameter: (_index, column) => (column === undefined ? '?' : `CAST(CAST(? AS text) AS ${column.declared})`),
    };
  const words = PRODUCTS[product] ?? { types: {} };
  const { escapes = false, literalDates = true, national = false, releases = true } = words;
  const { bytes = (digits: string): string => `x'${digits}'` } = words;
  const text = (value: string): string =>
    `${national ? 'N' : ''}'${(escapes ? value.replaceAll('\\', '\\\\') : value).replaceAll("'", "''")}'`;
  return {
    quote,
    tableName,
    parameter: (_index, column) => (column === undefined || isText(column) ? '?' : `cast(? as ${column.declared})`),
    literal: (value, column) => {
      if (isNumeric(column) && NUMBER.test(value)) return value;
      if (column.type === 'date' && literalDates && DAY.test(value)) return `date '${value}'`;
      if (isMoment(column) && literalDates && MOMENT.test(value))
        return `timestamp ${/Z$|[+-]\d\d(:?\d\d)?$/.test(value.slice(10)) ? 'with time zone ' : ''}'${value.replace('T', ' ').replace('Z', '+00:00')}'`;
      if (isBytes(column) && BYTES.test(value)) return bytes(value.slice(2));
      return isText(column) ? text(value) : `cast(${text(value)} as ${column.declared})`;
    },
    typeOf: (type, exact) => typeOf(words, type, exact),
    keyText: words.keyText ?? ((length) => `varchar(${length})`),
    longText: words.longText ?? 'clob',
    createStage: (stage) => createStage(stage, words),
    updateFromStage: ({ table, stage, where, set, match }) => {
      const on = match.map((name) => `t.${name} = s.${name}`).join(' and ');
      const changes = set.map((name) => `t.${name} = s.${name}`).join(', ');
      return `merge into ${table} t using ${stage} s on (${on} and (${where})) when matched then update set ${changes}${words.mergeEnd ?? ''}`;
    },
    savepoint: words.savepoint ?? {
      set: `savepoint sluice${product === 'derby' || product === 'db2' ? ' on rollback retain cursors' : ''}`,
      rollback: 'rollback to savepoint sluice',
      release: releases ? 'release savepoint sluice' : null,
    },
    comparesRows: product === 'h2',
  };
}

/** Digits that the decimals of all of them may have: Db2 and Derby have the fewest. */
const MOST_DIGITS = 31;

function typeOf({ types, instant }: Words, type: SqlColumn['type'], exact: SqlColumn['exact']): string {
  const all = { ...STANDARD, ...types };
  const digits = digitsOf(exact);
  if (digits !== null && digits.precision <= MOST_DIGITS) return `decimal(${digits.precision}, ${digits.scale})`;
  if (isWallClock(exact)) return all.timestamp;
  if (type === 'integer' && exact === 'uint64') return 'decimal(20, 0)';
  return type === 'timestamp' ? (instant ?? all.timestamp) : all[type ?? 'string'];
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const BYTES = /^\\x(?:[0-9a-f]{2})*$/i;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}(?::?\d{2})?)?$/;

function createStage({ stage, columns, lasting }: StageTable, words: Words): readonly string[] {
  const { numbered = 'bigint generated always as identity', temporary = null, dropIfExists } = words;
  // Where a temporary table is not easily had it is one like others, which its connection drops.
  const isTemporary = !lasting && temporary !== null;
  const kind = isTemporary ? temporary : '';
  const name = tableName(isTemporary ? { catalog: null, schema: null, name: stage.name } : stage);
  const fields = columns.map((column) => `${quote(column.name)} ${column.declared}`);
  return [
    (dropIfExists ?? ((_kind, table) => `drop table if exists ${table}`))(kind, name),
    `create ${kind}table ${name} (${quote(STAGE_ROW)} ${numbered}, ${fields.join(', ')})${lasting || isTemporary ? '' : ` ${OF_CONNECTION}`}`,
  ];
}

function isBytes({ declared }: SqlColumn): boolean {
  return /^(?:var|longvar)?binary\b|^(?:long )?raw\b|^(?:var)?char\b.* for bit data$/i.test(declared);
}

function isText(column: SqlColumn): boolean {
  return column.type === 'string' && !isMoment(column);
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function tableName({ catalog, schema, name }: TableName): string {
  return [catalog, schema, name]
    .filter((part) => part !== null)
    .map(quote)
    .join('.');
}
