import { describe, expect, test } from 'vitest';
import type { SqlIntake } from '../../connectors/sql/sql-intake.ts';
import { createSqlSource } from '../../connectors/sql/sql-source.ts';
import type { Position } from '../../src/sdk.ts';
import { needs } from '../support/services/needs.ts';
import { newH2, newMariaDb, newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';

const { signal } = new AbortController();

/** A table whose rows are told apart by values of one kind, or a query over it. */
interface Scene {
  readonly keys: string;
  /** The table `t` with its rows. */
  readonly made: readonly string[];
  readonly intake?: Partial<SqlIntake>;
}

/** @param values of the key, as literals of SQL; their order is the database's own. */
function keyed(keys: string, type: string, values: readonly string[]): Scene {
  const rows = values.map((value, row) => `(${value}, ${row})`).join(', ');
  return { keys, made: [`CREATE TABLE t (k ${type} PRIMARY KEY NOT NULL, x int)`, `INSERT INTO t VALUES ${rows}`] };
}

const days = ["'2024-01-09'", "'2024-01-10'", "'2024-02-01'", "'2025-01-01'"];
const moments = ["'2024-01-09 10:00:00'", "'2024-01-09 10:00:01'", "'2024-01-10 09:00:00'"];
const bytes = ["x'00ff'", "x'3c07'", "x'6162'", "x'6c07'", "x'ff'", "x''"];
const uuids = [
  "'00000000-0000-0000-0000-000000000001'",
  "'7c9e6679-7425-40de-944b-e07fc1f90ae7'",
  "'c9e6679f-7425-40de-944b-e07fc1f90ae7'",
  "'f47ac10b-58cc-4372-a567-0e02b2c3d479'",
];
const ladder = ["'small'", "'medium'", "'large'", "'huge'"];
const odd = ["'it''s'", "'a\"b'", "'ä'", "'10'", "'9'", "''"];

const scenes: Readonly<Record<string, readonly Scene[]>> = {
  SQLite: [
    keyed('days', 'date', days),
    keyed('moments', 'timestamp', moments),
    keyed('bytes', 'blob', bytes),
    keyed('texts in a column of bytes', 'blob', odd),
    keyed('halves in a column of whole numbers', 'int', ['-0.5', '0.5', '1', '1.5', '9007199254740993']),
    keyed('numbers in a column without a type', '', ['1', '2', '10', '-1.5', '1e300', '2.0651586788971663e18']),
    keyed('numbers and texts', 'numeric', ['1', '2', '10', "'a'", "'b'"]),
    keyed('odd texts', 'text', odd),
    keyed('infinities', 'real', ['-9e999', '-1.5', '0.1', '2.0651586788971663e18', '9e999']),
    {
      keys: 'what a query computes',
      made: ['CREATE TABLE t (id integer, x int)', 'INSERT INTO t VALUES (1, 1), (2, 2), (10, 3)'],
      intake: { table: null, query: 'SELECT id + 100 AS k, x FROM t', keyColumns: ['k'] },
    },
    {
      keys: 'texts that a query computes',
      made: ['CREATE TABLE t (id integer, x int)', 'INSERT INTO t VALUES (1, 1), (2, 2), (10, 3)'],
      intake: { table: null, query: "SELECT '' || id AS k, x FROM t", keyColumns: ['k'] },
    },
    {
      keys: 'a day and a number',
      made: [
        'CREATE TABLE t (d date NOT NULL, n int NOT NULL, PRIMARY KEY (d, n))',
        "INSERT INTO t VALUES ('2024-01-01', 1), ('2024-01-01', 2), ('2024-01-02', 1), ('2024-01-02', 2)",
      ],
    },
  ],
  PostgreSQL: [
    keyed('days', 'date', [...days, "'0044-03-15 BC'", "'infinity'", "'-infinity'"]),
    keyed('moments', 'timestamp', moments),
    keyed('instants', 'timestamptz', [...moments, "'0044-03-15 10:00+00 BC'", "'infinity'", "'-infinity'"]),
    keyed('bytes', 'bytea', ["'\\x00ff'", "'\\x3c07'", "'\\x6c'"]),
    keyed('uuids', 'uuid', uuids),
    keyed('numbers', 'numeric', ['-1.5', '0.1', '10', "'NaN'", "'infinity'"]),
    keyed('numbers of 32 bits', 'real', ['-1.5', '0.1', '0.3', "'NaN'", "'-infinity'"]),
    keyed('spans', 'interval', ["'1 month'", "'1 day 02:03:04.5'", "'-1 year'"]),
    keyed('lists', 'int[]', ["'{1,2}'", "'{10}'", "'{2}'"]),
    keyed('odd texts', 'text', [...odd, "E'a\\\\b'"]),
    keyed('fixed texts', 'char(4)', ["'a'", "'ab'", "'b'"]),
    keyed('truths', 'boolean', ['true', 'false']),
  ],
  MariaDB: [
    keyed('days', 'date', days),
    keyed('moments', 'datetime(6)', moments),
    keyed('instants', 'timestamp', moments),
    keyed('times', 'time', ["'-10:00:00'", "'09:00:00'", "'100:00:00'"]),
    keyed('bytes', 'varbinary(8)', bytes),
    keyed('uuids', 'uuid', uuids),
    keyed('addresses', 'inet6', ["'::1'", "'10::'", "'9::'"]),
    keyed('enumerated values', "enum('small','medium','large','huge','it''s,')", [...ladder, "'it''s,'"]),
    keyed('sets', "set('small','medium','large')", ["'small'", "'medium'", "'small,large'", "'medium,large'"]),
    keyed('numbers of 32 bits', 'float', ['-1.5', '0.1', '0.3', '16777216']),
    keyed('unsigned numbers', 'bigint unsigned', ['0', '18446744073709551615', '9223372036854775808']),
    keyed('bits', 'bit(10)', ["b'1'", "b'1000000000'", "b'11'"]),
    keyed('years', 'year', ['1999', '2024', '2155']),
    keyed('odd texts', 'varchar(9) character set latin1', odd),
    {
      keys: 'enumerated values of a query',
      made: [
        "CREATE TABLE t (k enum('small','medium','large','huge'), x int)",
        "INSERT INTO t VALUES ('small', 0), ('medium', 1), ('large', 2), ('huge', 3)",
      ],
      intake: { table: null, query: 'SELECT k, x FROM t', keyColumns: ['k'] },
    },
    keyed('texts alike but for their accents', 'varchar(9) collate utf8mb4_bin', ["'a'", "'A'", "'ä'", "'z'"]),
  ],
  'H2 by JDBC': [
    keyed('days', 'date', days),
    keyed('moments', 'timestamp(6)', moments),
    keyed('bytes', 'varbinary(8)', bytes),
    keyed('uuids', 'uuid', uuids),
    keyed('enumerated values', "enum('small','medium','large','huge')", ladder),
    keyed('numbers of 32 bits', 'real', ['-1.5', '0.1', '0.3']),
    keyed('odd texts', 'varchar(9)', odd),
  ],
};

describe.each([
  { name: 'SQLite', group: describe, make: newSqlite },
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres },
  { name: 'MariaDB', group: needs('mariadb'), make: () => newMariaDb() },
  { name: 'H2 by JDBC', group: needs('jdbc'), make: () => newH2() },
])('$name', ({ name, group, make }) => {
  group('read on behind a key', () => {
    test.each(scenes[name]!)('gives the rows behind it: $keys', async ({ made, intake }) => {
      await using database = await make();
      for (const statement of made) await database.connection.execute(statement, [], signal);
      const [all, positions] = await rowsBehind(database, null, intake);
      expect(all.length).toBeGreaterThan(1);
      for (const [at, position] of positions.entries()) {
        const [rest] = await rowsBehind(database, position, intake);
        expect(rest, `behind ${all[at]}`).toEqual(all.slice(at + 1));
      }
    });
  });
});

test('a column of whole numbers in SQLite that holds others, too, is read in one range', async () => {
  for (const keys of [
    ['0.5', '2', '3.5'],
    ['1', '2', "'a'"],
  ]) {
    await using database = await newSqlite();
    for (const statement of keyed('', 'int', keys).made) await database.connection.execute(statement, [], signal);
    const [rows] = await rowsBehind(database, null, { rangeRows: 1 });
    expect(rows, keys.join()).toHaveLength(3);
  }
});

/** The rows behind a position, one by one, each with its own. */
async function rowsBehind(
  { access }: TestDatabase,
  after: Position | null,
  intake: Partial<SqlIntake> = {},
): Promise<readonly [readonly string[], readonly Position[]]> {
  const table = { catalog: null, schema: null, name: 't' };
  const whole = { query: null, table, keyColumns: [], rangeRows: 1e6, connections: 1, aheadBytes: 1e6 };
  await using source = createSqlSource({ access, intake: { ...whole, ...intake } });
  await source.identity(signal);
  const [split] = await source.splits(signal);
  const rows: string[] = [];
  const positions: Position[] = [];
  const limits = { rows: 1, bytes: 1e6, lingerMs: Number.POSITIVE_INFINITY };
  for await (const batch of source.read(split!, after, limits, signal)) {
    rows.push(Buffer.from(batch.bytes).toString());
    positions.push(batch.origin.position);
  }
  return [rows, positions];
}
