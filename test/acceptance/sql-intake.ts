import type { SqlIntake } from '../../connectors/sql/sql-intake.ts';
import { createSqlSource } from '../../connectors/sql/sql-source.ts';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import type { SourceDriver } from '../../src/testing.ts';
import type { TestDatabase } from '../support/sql-databases.ts';

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

export async function sqlIntake(database: TestDatabase, form: Form): Promise<SourceDriver> {
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
