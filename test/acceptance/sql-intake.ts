import { join } from 'node:path';
import type { SqlIntake } from '../../connectors/sql/sql-intake.ts';
import { createSqlSource } from '../../connectors/sql/sql-source.ts';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import type { DifficultIntake, KillableSourceDriver, SecretSourceDriver, WideIntake } from '../../src/testing.ts';
import { CountedSockets } from '../support/counted-sockets.ts';
import type { TestDatabase } from '../support/sql-databases.ts';

const READER = join(import.meta.dirname, 'sql-reader-child.ts');
const signal = new AbortController().signal;
const TABLE = { catalog: null, schema: null, name: 'Rows to score' };
const TEXTS = [
  'plain',
  'with "quotes"',
  'a, b; c',
  'two\nlines',
  'naïve café',
  ' spaced ',
  '',
  null,
  '\\.',
  "it's",
] as const;

/** How an intake is named: a table by its key, in ranges or at once, or a query. */
export const intakeForms = {
  'a table in ranges of its key': { columns: ['id', 'text', 'x', 'yes'], key: 'id', rangeRows: 10 },
  'a table with a key of two columns': { columns: ['id', 'text', 'x', 'yes'], key: 'x, id', rangeRows: 1_000_000 },
  'a query with keyColumns': { columns: ['text', 'id', 'x', 'yes'], key: null, keyColumns: ['id'], rangeRows: 10 },
  'a query with an order': { columns: ['id', 'text', 'x', 'yes'], key: null, rangeRows: 10 },
} as const;

type Form = (typeof intakeForms)[keyof typeof intakeForms] & { readonly keyColumns?: readonly string[] };

export async function sqlIntake(
  database: TestDatabase,
  form: Form,
): Promise<KillableSourceDriver & SecretSourceDriver> {
  const { connection, driver, access } = database;
  const { quote, tableName, typeOf, keyText } = driver.dialect;
  const types = { id: typeOf('integer'), text: keyText(100), x: typeOf('number'), yes: typeOf('boolean') };
  const fields = Object.entries(types).map(
    ([name, type]) => `${quote(name)} ${type} ${name === 'text' ? '' : 'NOT NULL'}`,
  );
  const key = form.key === null ? '' : `, PRIMARY KEY (${form.key})`;
  await connection.execute(`CREATE TABLE ${tableName(TABLE)} (${fields.join(', ')}${key})`, [], signal);
  const all: Readonly<Record<string, string | null>>[] = Array.from({ length: 43 }, (_, i) => ({
    id: String(i * 3 - 20),
    text: TEXTS[i % TEXTS.length] ?? null,
    x: String(i / 8),
    yes: i % 2 === 0 ? 'true' : 'false',
  }));
  const insert = async (rows: typeof all): Promise<void> => {
    const found = await connection.describeTable(TABLE, signal);
    const records = rows.map((row) => Object.keys(types).map((name) => row[name] ?? null));
    await connection.load({ table: TABLE, columns: found!.columns }, encodeRecords(records), signal);
  };
  // Not in the order in which they are read.
  await insert(all.toReversed());
  const query = `SELECT ${form.columns.map((name) => quote(name)).join(', ')} FROM ${tableName(TABLE)}`;
  const isQuery = form.key === null;
  const intake: SqlIntake = {
    table: isQuery ? null : TABLE,
    query: isQuery ? (form.keyColumns === undefined ? `${query} ORDER BY ${quote('id')};` : query) : null,
    keyColumns: form.keyColumns ?? [],
    rangeRows: form.rangeRows,
    connections: 3,
    aheadBytes: 65_536,
  };
  return {
    records: all.map((row) => form.columns.map((name) => row[name] ?? null)),
    source: () => createSqlSource({ access, intake }),
    reader: { module: READER, args: [JSON.stringify({ access, intake })] },
    secrets: [access.password].filter((password) => password !== null && password !== '') as readonly string[],
    change: async () => {
      if (isQuery && form.keyColumns === undefined) {
        // Of a query without a key only the columns are known; a view of another type in its place is what shows.
        await connection.execute(`DROP TABLE ${tableName(TABLE)}`, [], signal);
        const other = { ...types, x: typeOf('string') };
        const changed = Object.entries(other).map(([name, type]) => `${quote(name)} ${type}`);
        await connection.execute(`CREATE TABLE ${tableName(TABLE)} (${changed.join(', ')})`, [], signal);
      } else await insert([{ id: '1000', text: 'new', x: '1', yes: 'true' }]);
    },
    close: async () => database[Symbol.asyncDispose](),
  };
}

const PLAIN_INTAKE = { query: null, table: TABLE, keyColumns: [], connections: 2, aheadBytes: 65_536 } as const;

/** A table of the given rows. */
export async function difficultTable(
  database: TestDatabase,
  rows: readonly (readonly [string, string | null])[],
): Promise<DifficultIntake> {
  await fill(database, 'value', rows);
  const intake = { ...PLAIN_INTAKE, rangeRows: 10 };
  return {
    source: () => createSqlSource({ access: database.access, intake }),
    close: async () => database[Symbol.asyncDispose](),
  };
}

/** A table of 16 MB in ranges of 2 MB, of which two are read at once, with little ahead of the reader but what stands in the sockets. */
export async function wideTable(database: TestDatabase): Promise<WideIntake> {
  const rows = 2_000;
  const text = 'x'.repeat(8_000);
  for (let from = 0; from < rows; from += 250)
    await fill(
      database,
      'text',
      Array.from({ length: 250 }, (_, i) => [String(from + i), text]),
    );
  const { access } = database;
  const sockets = CountedSockets.start(Number(/:(\d+)\//.exec(access.jdbcUrl)![1]));
  return {
    source: () => createSqlSource({ access, intake: { ...PLAIN_INTAKE, rangeRows: 250 } }),
    rows,
    bytes: rows * text.length,
    taken: () => sockets.bytes,
    ahead: 3_000_000,
    close: async () => {
      sockets.stop();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function fill(
  { connection, driver }: TestDatabase,
  column: string,
  rows: readonly (readonly [string, string | null])[],
): Promise<void> {
  const { quote, tableName, typeOf, longText } = driver.dialect;
  if ((await connection.describeTable(TABLE, signal)) === null)
    await connection.execute(
      `CREATE TABLE ${tableName(TABLE)} (${quote('id')} ${typeOf('integer')} NOT NULL PRIMARY KEY, ${quote(column)} ${longText})`,
      [],
      signal,
    );
  const { columns } = (await connection.describeTable(TABLE, signal))!;
  await connection.load({ table: TABLE, columns }, encodeRecords(rows), signal);
}

/** All tables of a database, by name. */
export async function tableNames({ driver, connection }: TestDatabase): Promise<readonly string[]> {
  const own = driver.product === 'MariaDB' ? 'database()' : 'current_schema';
  const sql =
    driver.product === 'SQLite'
      ? "SELECT name FROM sqlite_schema WHERE type = 'table'"
      : `SELECT table_name FROM information_schema.tables WHERE table_schema = ${own}`;
  return (await connection.query(sql, [], signal)).map(([name]) => String(name)).toSorted();
}
