import { exactDecimal, type SqlColumn } from '../sql-column.ts';

/** A column as JDBC describes it. */
export interface JdbcColumn {
  readonly name: string;
  /** Of java.sql.Types. */
  readonly jdbc: number;
  readonly typeName: string;
  readonly precision: number;
  readonly scale: number;
  readonly nullable: boolean;
  readonly generated: boolean;
}

const TYPES: ReadonlyMap<number, SqlColumn['type']> = new Map([
  [-7, 'boolean'],
  [16, 'boolean'],
  [-6, 'integer'],
  [5, 'integer'],
  [4, 'integer'],
  [-5, 'integer'],
  [2, 'decimal'],
  [3, 'decimal'],
  [6, 'number'],
  [7, 'number'],
  [8, 'number'],
  [100, 'number'],
  [101, 'number'],
  [1, 'string'],
  [12, 'string'],
  [-1, 'string'],
  [-15, 'string'],
  [-9, 'string'],
  [-16, 'string'],
  [2005, 'string'],
  [2011, 'string'],
  [91, 'date'],
  // Of a wall clock; PostgreSQL has its instants here, too.
  [93, 'string'],
  [2014, 'timestamp'],
  [-101, 'timestamp'],
  [-102, 'timestamp'],
  [-155, 'timestamp'],
]);
const BYTES: ReadonlySet<number> = new Set([-2, -3, -4, 2004]);
/** Types whose words have a length behind them, and those that have digits. */
const LONG: ReadonlySet<number> = new Set([1, 12, -15, -9, -2, -3]);
const EXACT: ReadonlySet<number> = new Set([2, 3]);
const MOMENTS: ReadonlySet<number> = new Set([92, 93, 2013, 2014, -101, -102, -155]);

/** Lengths that stand for "any". */
const ANY = 1_000_000;

/** A column for Sluice; its declared words make one of the same type in `CREATE TABLE`. */
export function sqlColumnOf(column: JdbcColumn): SqlColumn {
  // Numbers without digits behind the point are whole ones, to people and to models alike.
  const isWhole = EXACT.has(column.jdbc) && column.scale === 0 && column.precision > 0 && column.precision <= 18;
  const bits =
    (column.jdbc === -7 && /^(var)?bit$/i.test(column.typeName) && column.precision > 1) ||
    /^varbit$/i.test(column.typeName);
  const isInstant = column.jdbc === 93 && /^timestamptz$/i.test(column.typeName);
  const type = isWhole ? 'integer' : bits ? undefined : isInstant ? 'timestamp' : TYPES.get(column.jdbc);
  const words = declared(column);
  return {
    name: column.name,
    type,
    ...(type === 'decimal' ? exactDecimal(words) : {}),
    ...(column.jdbc === 93 && !isInstant ? { exact: wallClock(column) } : {}),
    declared: words,
    holdsEmptyText:
      (type === 'string' && column.jdbc !== 93) || (BYTES.has(column.jdbc) && !/^uuid$/i.test(column.typeName)),
    writable: !column.generated,
  };
}

function wallClock({ scale }: JdbcColumn): NonNullable<SqlColumn['exact']> {
  return scale > 6 ? 'local-timestamp-nanos' : 'local-timestamp-micros';
}

function declared({ jdbc, typeName, precision, scale }: JdbcColumn): string {
  // Some say the length, or what comes behind it, themselves.
  if (/\(/.test(typeName)) return typeName;
  const plain = typeName.replace(/ identity$/i, '');
  if (LONG.has(jdbc) && precision > 0 && precision < ANY && !/^(text|bytea|string|json|uuid|name)$/i.test(plain))
    return `${plain}(${precision})`;
  if (EXACT.has(jdbc) && precision > 0 && precision < 1000) return `${plain}(${precision}, ${Math.max(0, scale)})`;
  if (MOMENTS.has(jdbc) && scale > 0 && scale <= 9)
    return plain.replace(/^(timestamp|time|datetime2|datetimeoffset)\b/i, `$1(${scale})`);
  return plain;
}
