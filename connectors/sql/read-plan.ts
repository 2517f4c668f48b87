import { type Json, SluiceError } from '../../src/sdk.ts';
import type { SqlDialect } from './dialect.ts';
import type { SqlConnection, SqlRead, SqlValue } from './driver.ts';
import { hasOwnOrder, plainQuery } from './query-text.ts';
import { columnNamed, type SqlColumn, type TableName } from './sql-column.ts';
import { SqlFault } from './sql-fault.ts';
import type { SqlIntake } from './sql-intake.ts';

/** What is read, and in which order. */
export interface ReadPlan {
  /** For people and for the names of splits. */
  readonly name: string;
  readonly from: SqlRead['from'];
  readonly columns: readonly SqlColumn[];
  /** What tells rows apart and orders them; empty when there is nothing known that does. */
  readonly key: readonly SqlColumn[];
  /** Whether the rows come in the same order again, by the key or by the query itself. */
  readonly ordered: boolean;
  /** How many rows there are, and between which keys; null where that would cost as much as reading them. */
  readonly bounds: ReadBounds | null;
}

interface ReadBounds {
  readonly rows: number;
  /** Of the first key column; null without rows, and for types that have no smallest value. */
  readonly first: SqlValue;
  readonly last: SqlValue;
}

/** Types that every database has a smallest and a largest value of. */
const BOUNDED: ReadonlySet<SqlColumn['type']> = new Set([
  'integer',
  'number',
  'decimal',
  'string',
  'date',
  'timestamp',
]);

/** Looks at the intake. Faults as of the connection; throws COLUMN_UNKNOWN and COLUMN_CONFLICT for columns that do not fit the settings. */
export async function planRead(
  connection: SqlConnection,
  dialect: SqlDialect,
  intake: SqlIntake,
  signal: AbortSignal,
): Promise<ReadPlan> {
  const { from, name, columns, known } = await described(connection, dialect, intake, signal);
  const key = keyOf(intake.keyColumns, known, columns, name);
  const ordered = key.length > 0 || ('query' in from && hasOwnOrder(from.query));
  // To count the rows of a query is to run it; with a key it is worth it, as nothing else would show that they have changed.
  const isCounted = key.length > 0 || 'table' in from;
  const bounds = isCounted ? await boundsOf(connection, dialect, { from, key, name }, signal) : null;
  return { name, from, columns, key, ordered, bounds };
}

/** What is equal on a later run if the same rows would be read, as far as a database can say. */
export function planIdentity(plan: ReadPlan, place: string): Json {
  const { from, columns, key, bounds } = plan;
  return {
    database: place,
    ...('table' in from ? { table: plan.name } : { query: from.query }),
    columns: columns.map(({ name, declared }) => [name, declared]),
    key: key.map(({ name }) => name),
    ...(bounds === null ? {} : { rows: bounds.rows, first: textOf(bounds.first), last: textOf(bounds.last) }),
  };
}

interface Described {
  readonly from: SqlRead['from'];
  readonly name: string;
  readonly columns: readonly SqlColumn[];
  /** The key by the catalog. */
  readonly known: readonly string[];
}

async function described(
  connection: SqlConnection,
  dialect: SqlDialect,
  { query, table }: SqlIntake,
  signal: AbortSignal,
): Promise<Described> {
  if (table !== null) {
    const found = await connection.describeTable(table, signal);
    if (found === null) {
      throw new SqlFault('missing', `there is no table ${dialect.tableName(table)}, or none that this user may see`, {
        what: 'table',
      });
    }
    return { from: { table: found.table }, name: nameOf(found.table), columns: found.columns, known: found.key };
  }
  const text = plainQuery(query ?? '');
  const columns = await connection.describeQuery(text, signal);
  const names = columns.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new SluiceError(
      'COLUMN_CONFLICT',
      `intakeSettings.query: two columns of its result are called "${twice}"; give one of them another name (AS).`,
    );
  }
  return { from: { query: text }, name: 'query', columns, known: [] };
}

function keyOf(
  wanted: readonly string[],
  known: readonly string[],
  columns: readonly SqlColumn[],
  name: string,
): readonly SqlColumn[] {
  return (wanted.length > 0 ? wanted : known).map((one) => {
    const column = columnNamed(columns, one);
    if (column !== undefined) return column;
    throw new SluiceError(
      'COLUMN_UNKNOWN',
      `intakeSettings.keyColumns: ${name} has no column "${one}"; it has ${columns.map((has) => has.name).join(', ')}.`,
    );
  });
}

async function boundsOf(
  connection: SqlConnection,
  dialect: SqlDialect,
  { from, key, name }: Pick<ReadPlan, 'from' | 'key' | 'name'>,
  signal: AbortSignal,
): Promise<ReadBounds> {
  const source = 'table' in from ? dialect.tableName(from.table) : `(${from.query}\n) q`;
  const quoted = key.map((column) => dialect.quote(column.name));
  const edges = BOUNDED.has(key[0]?.type) ? [`MIN(${quoted[0]})`, `MAX(${quoted[0]})`] : ['NULL', 'NULL'];
  const counts = ['COUNT(*)', ...quoted.map((column) => `COUNT(${column})`)];
  const [row = []] = await connection.query(`SELECT ${[...edges, ...counts].join(', ')} FROM ${source}`, [], signal);
  const [first = null, last = null, rows = 0, ...filled] = row;
  const empty = filled.findIndex((count) => Number(count) < Number(rows));
  if (empty >= 0) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `intakeSettings.keyColumns: "${key[empty]!.name}" of ${name} is null in ${Number(rows) - Number(filled[empty])} rows; ` +
        'a key has no nulls. Name other columns, or leave such rows out by a query.',
    );
  }
  return { rows: Number(rows), first, last };
}

function nameOf({ schema, name }: TableName): string {
  return schema === null ? name : `${schema}.${name}`;
}

function textOf(value: SqlValue): string | null {
  return value === null ? null : String(value);
}
