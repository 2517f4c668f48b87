import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SqlConnection } from '../../connectors/sql/driver.ts';
import { sqlDriver } from '../../connectors/sql/sql-drivers.ts';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { runWholeOutput, SinkPlan } from '../../src/testing.ts';
import { recordsOf, sqlSink } from '../acceptance/sql-output.ts';
import { needs } from '../support/services/needs.ts';
import { newMariaDb, type TestDatabase } from '../support/sql-databases.ts';

const { signal } = new AbortController();

needs('mariadb')('MariaDB', () => {
  let database: TestDatabase;
  let connection: SqlConnection;
  let inserting: SqlConnection;

  beforeAll(async () => {
    database = await newMariaDb();
    ({ connection } = database);
    const { access } = database;
    const driver = await sqlDriver({ ...access, jdbcUrl: `${access.jdbcUrl}?allowLocalInfile=false` });
    inserting = await driver.connect(signal);
  });
  afterAll(async () => {
    await inserting?.close();
    await database?.[Symbol.asyncDispose]();
  });

  const table = (name: string) => ({ catalog: null, schema: null, name });

  async function load(
    on: SqlConnection,
    name: string,
    records: readonly (readonly (string | null)[])[],
  ): Promise<void> {
    const { columns } = (await connection.describeTable(table(name), signal))!;
    await on.load({ table: table(name), columns }, encodeRecords(records), signal);
  }

  async function readAll(name: string, orderBy: readonly string[] = []): Promise<(string | null)[][]> {
    const { columns } = (await connection.describeTable(table(name), signal))!;
    const read = { from: { table: table(name) }, columns, where: null, orderBy };
    return await allOf(connection.read(read, signal));
  }

  async function allOf(chunks: AsyncIterable<Uint8Array>): Promise<(string | null)[][]> {
    const pieces: Buffer[] = [];
    for await (const chunk of chunks) pieces.push(Buffer.from(chunk));
    return recordsOf(Buffer.concat(pieces));
  }

  test('values keep every digit, and have the same text whichever way they came in', async () => {
    await connection.execute(
      'create table kinds (id int primary key, b boolean, t tinyint, s bigint, u bigint unsigned, z int(8) unsigned zerofill, d decimal(38,10), f float, g double, ' +
        'day date, dt datetime(6), ts timestamp(3) null, tm time(3), y year, bi bit(1), bs bit(12), by_ varbinary(20), bl blob, js json, en enum("a","b"), st set("x","y"), uu uuid)',
      [],
      signal,
    );
    const rows = [
      [
        '1',
        'true',
        '-128',
        '-9223372036854775808',
        '18446744073709551615',
        '42',
        '1234567890123456789012345678.0123456789',
        '0.1',
        '0.1',
        '2026-02-28',
        '2026-01-02T03:04:05.000001',
        '2026-01-02T03:04:05.5Z',
        '-12:00:00.001',
        '2026',
        'true',
        '4095',
        '\\x00ff5c',
        '\\x',
        '{"a":1}',
        'a',
        'x,y',
        '123e4567-e89b-12d3-a456-426655440000',
      ],
      [
        '2',
        'false',
        '127',
        '9223372036854775807',
        '0',
        '0',
        '-0.0000000001',
        '16777216',
        '1e300',
        '9999-12-31',
        '2026-01-02T03:04:05',
        '1970-01-01T00:00:01Z',
        '838:59:59.000',
        '1901',
        'false',
        '0',
        '\\x0a0d2c22',
        '\\xdeadbeef',
        '[]',
        'b',
        '',
        null,
      ],
      ['3', ...Array.from({ length: 21 }, () => null)],
      [
        '4',
        '7',
        '0',
        '0',
        '9',
        '99999999',
        '0.0000000000',
        '-3.402823e+38',
        '-1.7976931348623157e308',
        '1000-01-01',
        '1000-01-01T00:00:00',
        null,
        '00:00:00.000',
        null,
        null,
        '1',
        '\\x27',
        null,
        null,
        null,
        null,
        null,
      ],
    ];
    for (const on of [connection, inserting]) {
      await connection.execute('delete from kinds', [], signal);
      await load(on, 'kinds', rows);
      const found = await readAll('kinds', ['id']);
      expect(found).toEqual(rows);
    }
    const query = 'select id, f, 1/3e0 as g, cast(id as char) as t from kinds order by id desc';
    const columns = await connection.describeQuery(query, signal);
    expect(columns.map(({ type }) => type)).toEqual(['integer', 'number', 'number', 'string']);
    const read = { from: { query }, columns: columns.slice(0, 3), where: null, orderBy: [] };
    const plain = await allOf(connection.read(read, signal));
    expect(plain.map(([id, f]) => [id, f])).toEqual(rows.toReversed().map((row) => [row[0], row[7]]));
    expect(plain[0]![2]).toBe('0.3333333333333333');
  });

  test('a table without transactions is not written', async () => {
    await connection.execute('create table unsafe (id int) engine = MyISAM', [], signal);
    await using sink = sqlSink(database.access, { table: table('unsafe') });
    const plan = new SinkPlan({ batches: 1, rowsPerBatch: 2, padding: 0 });
    await expect(runWholeOutput(sink, plan, signal)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('MyISAM') as string,
    });
  });
});
