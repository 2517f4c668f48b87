import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetMetadata } from 'hyparquet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leafColumn, leafTypeOf } from '../../src/codecs/parquet/leaf-type.ts';
import { type JobInput, runJob } from '../../src/index.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { mariaDbDatabase } from '../support/services/mariadb.ts';
import { needs } from '../support/services/needs.ts';
import { type PostgresDatabase, postgresDatabase } from '../support/services/postgres.ts';

/** Columns of PostgreSQL, what they hold, and what they are in Parquet. */
const KINDS = [
  ['small', 'integer', '-2147483648', { type: 'integer', exact: 'int32' }],
  ['large', 'bigint', '9007199254740993', { type: 'integer' }],
  ['price', 'numeric(10,2)', '12345678.90', { type: 'decimal', exact: 'decimal(10,2)' }],
  ['huge', 'numeric', '12345678901234567890123456789012345678901234567890.5', { type: 'string' }],
  ['single', 'real', '0.1', { type: 'number', exact: 'float' }],
  ['yes', 'boolean', 'true', { type: 'boolean' }],
  ['day', 'date', '2024-02-29', { type: 'date' }],
  [
    'clock',
    'timestamp without time zone',
    '2024-01-02 03:04:05.000001',
    { type: 'string', exact: 'local-timestamp-micros' },
  ],
  [
    'instant',
    'timestamp with time zone',
    '2024-01-02 03:04:05.000001+00',
    { type: 'timestamp', exact: 'timestamp-micros' },
  ],
  ['words', 'text', '', { type: 'string' }],
] as const;
const names = KINDS.map(([name]) => name);

let folder = '';
let server: PredictionServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-sql-types-'));
  server = await PredictionServer.start();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

needs('postgres')('the types of a table in PostgreSQL', () => {
  let place: PostgresDatabase;
  beforeAll(async () => {
    place = await postgresDatabase();
    await place.client.query("SET TimeZone = 'UTC'");
    const columns = KINDS.map(([name, type]) => `${name} ${type}`).join(', ');
    await place.client.query(`CREATE TABLE kinds (id int PRIMARY KEY, x float8, ${columns})`);
    const values = KINDS.map(([, , text]) => `'${text}'`).join(', ');
    await place.client.query(`INSERT INTO kinds VALUES (1, 1, ${values}), (2, 2${', NULL'.repeat(KINDS.length)})`);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  const jdbc = () => {
    const { jdbcUrl, user, password } = place;
    return { type: 'jdbc', jdbcUrl, credentials: { user, password } } as const;
  };

  function run(outputSettings: JobInput['outputSettings']) {
    return runJob({
      deployment: { id: 'd', server: server.url },
      intakeSettings: { ...jdbc(), table: 'kinds' },
      outputSettings,
      passthroughColumns: [...names],
    }).result;
  }

  async function declared(table: string): Promise<unknown[][]> {
    const { rows } = await place.client.query({
      text: 'SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND attname = ANY ($2)',
      values: [table, [...names]],
      rowMode: 'array',
    });
    return rows;
  }

  test('are those of the table that is made of it, with every value as it was', async () => {
    await run({ ...jdbc(), table: 'copied', statementType: 'create_table' as const });
    expect(await declared('copied')).toEqual(await declared('kinds'));
    const texts = names.map((name) => `${name}::text`).join(', ');
    const read = async (table: string) =>
      (await place.client.query({ text: `SELECT ${texts} FROM ${table} ORDER BY large`, rowMode: 'array' })).rows;
    expect(await read('copied')).toEqual(await read('kinds'));
  });

  test('are those of the Parquet file that is made of it', async () => {
    const path = join(folder, 'kinds.parquet');
    await run({ type: 'localFile', path });
    const file = readFileSync(path);
    const { schema } = parquetMetadata(Uint8Array.from(file).buffer);
    const stored = schema.filter(({ name }) => names.includes(name as (typeof names)[number]));
    expect(stored.map((element) => leafColumn(element.name, leafTypeOf(element)))).toEqual(
      KINDS.map(([name, , , meaning]) => ({ name, ...meaning })),
    );
  });
});

needs('postgres', 'mariadb')('the types of a table in MariaDB', () => {
  test('go to PostgreSQL and come back: digits, wall clocks and instants', async () => {
    await using maria = await mariaDbDatabase();
    await using place = await postgresDatabase();
    await place.client.query("SET TimeZone = 'UTC'");
    await maria.connection.query(
      'create table kinds (id int primary key, x double, price decimal(30,10), clock datetime(6), instant timestamp(6) null, big bigint unsigned)',
    );
    await maria.connection.query(
      "insert into kinds values (1, 1, 12345678901234567890.0123456789, '2024-01-02 03:04:05.000001', '2024-01-02 03:04:05.5', 18446744073709551615)",
    );
    const there = {
      type: 'jdbc',
      jdbcUrl: `jdbc:mariadb://${maria.host}:${maria.port}/${maria.database}`,
      credentials: { user: maria.user, password: maria.password },
    } as const;
    const here = {
      type: 'jdbc',
      jdbcUrl: place.jdbcUrl,
      credentials: { user: place.user, password: place.password },
    } as const;
    const job = {
      deployment: { id: 'd', server: server.url },
      passthroughColumns: ['price', 'clock', 'instant', 'big'],
    };
    await runJob({
      ...job,
      intakeSettings: { ...there, query: 'select price, x, clock, instant, big from kinds' },
      outputSettings: { ...here, table: 'kinds', statementType: 'create_table' as const },
    }).result;
    const types = await place.client.query({
      text: "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'kinds'::regclass AND attnum > 0 AND attname !~ 'PREDICTION'",
      rowMode: 'array',
    });
    expect(types.rows).toEqual([
      ['price', 'numeric(30,10)'],
      ['clock', 'timestamp without time zone'],
      ['instant', 'timestamp with time zone'],
      ['big', 'numeric(20,0)'],
    ]);
    const values = await place.client.query({
      text: 'SELECT price::text, clock::text, instant::text, big::text FROM kinds',
      rowMode: 'array',
    });
    expect(values.rows).toEqual([
      [
        '12345678901234567890.0123456789',
        '2024-01-02 03:04:05.000001',
        '2024-01-02 03:04:05.5+00',
        '18446744073709551615',
      ],
    ]);
    await runJob({
      ...job,
      intakeSettings: { ...here, query: 'SELECT price, 1 AS x, clock, instant, big FROM kinds' },
      outputSettings: { ...there, table: 'back', statementType: 'create_table' as const },
    }).result;
    const [back] = await maria.connection.query(
      "select column_type from information_schema.columns where table_schema = database() and table_name = 'back' and column_name in ('price', 'clock', 'instant', 'big') order by ordinal_position",
    );
    expect((back as unknown as readonly object[]).map((row) => String(Object.values(row)[0]))).toEqual([
      'decimal(30,10)',
      'datetime(6)',
      'datetime(6)',
      'decimal(20,0)',
    ]);
    const [rows] = await maria.connection.query(
      'select cast(price as char), cast(clock as char), cast(instant as char), cast(big as char) from back',
    );
    expect(Object.values((rows as unknown as readonly object[])[0]!).map(String)).toEqual([
      '12345678901234567890.0123456789',
      '2024-01-02 03:04:05.000001',
      '2024-01-02 03:04:05.500000',
      '18446744073709551615',
    ]);
  });
});
