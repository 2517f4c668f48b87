import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
import { createSqlSource } from '../../connectors/sql/sql-source.ts';
import { findSluiceError } from '../../src/core/error.ts';
import { sqlSink } from '../acceptance/sql-output.ts';
import { needs } from '../support/services/needs.ts';
import { PostgresProxy } from '../support/services/postgres-proxy.ts';
import { newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';

const signal = new AbortController().signal;
const intake = { query: null, table: null, keyColumns: [], rangeRows: 1000, connections: 2, aheadBytes: 1_000_000 };
const tableOf = (name: string) => ({ catalog: null, schema: null, name });

async function outcome(check: Promise<unknown> | undefined): Promise<string> {
  if (check === undefined) throw new Error('there is no check');
  return await check.then(
    () => 'well',
    (error: unknown) => `${findSluiceError(error)?.code}: ${findSluiceError(error)?.message}`,
  );
}

async function checkIntake(access: SqlAccess, what: Partial<typeof intake> | object): Promise<string> {
  await using source = createSqlSource({ access, intake: { ...intake, ...what } });
  return await outcome(source.check(signal));
}

async function checkOutput(access: SqlAccess, name: string, more: object = {}): Promise<string> {
  await using sink = sqlSink(access, { table: tableOf(name), create: 'never', ...more });
  return await outcome(sink.check(signal));
}

needs('postgres')('a check of PostgreSQL', () => {
  let database: TestDatabase;
  let poor: SqlAccess;
  beforeAll(async () => {
    database = await newPostgres();
    const { connection, access } = database;
    await connection.execute('CREATE TABLE rows (id int PRIMARY KEY, x float8)', [], signal);
    await connection.execute('INSERT INTO rows VALUES (1, 1)', [], signal);
    const user = `poor_${access.jdbcUrl.slice(-12)}`;
    await connection.execute(`CREATE USER ${user} PASSWORD 'poor'`, [], signal);
    poor = { ...access, user, password: 'poor' };
  });
  afterAll(async () => {
    await database.connection.execute(`DROP OWNED BY ${poor.user}; DROP USER ${poor.user}`, [], signal);
    await database[Symbol.asyncDispose]();
  });

  test('finds nothing wrong with what can be read and written, and leaves nothing behind', async () => {
    expect(await checkIntake(database.access, { table: tableOf('rows') })).toBe('well');
    expect(await checkIntake(database.access, { query: 'SELECT x FROM rows' })).toBe('well');
    expect(await checkOutput(database.access, 'rows')).toBe('well');
    expect(await checkOutput(database.access, 'new', { create: 'if-missing' })).toBe('well');
    const tables = await database.connection.query(
      "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
      [],
      signal,
    );
    expect(tables).toEqual([['rows']]);
    expect(await database.connection.query('SELECT count(*) FROM rows', [], signal)).toEqual([[1]]);
  });

  test('says each fault in words of its own', async () => {
    const { access } = database;
    const elsewhere = { ...access, jdbcUrl: 'jdbc:postgresql://127.0.0.1:1/x' };
    const other = { ...access, jdbcUrl: access.jdbcUrl.replace(/[^/]+$/, 'nowhere') };
    for (const check of [
      (at: SqlAccess) => checkIntake(at, { table: tableOf('rows') }),
      (at: SqlAccess) => checkOutput(at, 'rows'),
    ]) {
      expect(await check(elsewhere)).toMatch(/DATABASE_UNREACHABLE: PostgreSQL at 127\.0\.0\.1:1\/x/);
      expect(await check({ ...access, password: 'wrong' })).toMatch(
        /DATABASE_ACCESS: .*password authentication failed/,
      );
      expect(await check(other)).toMatch(/DATABASE_MISSING: .*database "nowhere" does not exist.*name of the database/);
      expect(await check(poor)).toMatch(/DATABASE_ACCESS: .*permission denied for table rows/);
    }
    expect(await checkIntake(access, { table: tableOf('nothing') })).toMatch(/DATABASE_MISSING: .*no table "nothing"/);
    expect(await checkIntake(access, { query: 'SELECT y FROM rows' })).toMatch(
      /DATABASE_MISSING: .*column "y" does not exist/,
    );
    expect(await checkOutput(access, 'nothing')).toMatch(/DATABASE_MISSING: .*no table.*createTableIfNotExists/);
    expect(await checkOutput(access, 'rows', { create: 'must' })).toMatch(/OUTPUT_EXISTS: .*create_table/);
    const update = { statement: 'update', whereColumns: ['key'] };
    expect(await checkOutput(access, 'rows', update)).toMatch(/DATABASE_MISSING: .*no column "key"/);
    await using running = sqlSink(access, { table: tableOf('rows') });
    await running.open({ intake: 'x' }, signal);
    expect(await checkOutput(access, 'rows')).toMatch(/OUTPUT_LOCKED: /);
  });

  test('a user who may only update is right for an update, and for nothing else', async () => {
    const { connection } = database;
    await using opened = sqlSink(database.access, { table: tableOf('rows') });
    await opened.open({ intake: 'x' }, signal);
    await opened.close();
    await connection.execute(`GRANT ALL ON sluice_ledger, sluice_dead_letters TO ${poor.user}`, [], signal);
    await connection.execute(`GRANT SELECT, UPDATE ON rows TO ${poor.user}`, [], signal);
    const update = { statement: 'update', whereColumns: ['id'], updateColumns: ['x'] };
    expect(await checkOutput(poor, 'rows', update)).toBe('well');
    expect(await checkOutput(poor, 'rows', { ...update, statement: 'insert_update' })).toMatch(/DATABASE_ACCESS: /);
    await connection.execute(`REVOKE UPDATE ON rows FROM ${poor.user}`, [], signal);
    expect(await checkOutput(poor, 'rows', update)).toMatch(/DATABASE_ACCESS: /);
  });

  test('a connection that breaks while it reads is made again, and each row comes once', async () => {
    await using large = await newPostgres();
    await large.connection.execute('CREATE TABLE large (id int PRIMARY KEY, x text)', [], signal);
    const rows = 60_000;
    await large.connection.execute(
      `INSERT INTO large SELECT i, repeat('x', 50) FROM generate_series(1, ${rows}) i`,
      [],
      signal,
    );
    const target = new URL(large.access.jdbcUrl.replace('jdbc:', ''));
    await using proxy = await PostgresProxy.start({ host: target.hostname, port: Number(target.port) });
    const jdbcUrl = large.access.jdbcUrl.replace(target.host, `127.0.0.1:${proxy.port}`);
    const access = { ...large.access, jdbcUrl };
    for (const what of [{ table: tableOf('large') }, { query: 'SELECT * FROM large ORDER BY id' }]) {
      await using source = createSqlSource({
        access,
        intake: { ...intake, ...what, rangeRows: 25_000, aheadBytes: 65_536 },
      });
      await source.identity(signal);
      const ids: number[] = [];
      let cuts = 0;
      for (const split of await source.splits(signal)) {
        for await (const batch of source.read(split, null, { rows: 700, bytes: 1e6, lingerMs: 0 }, signal)) {
          ids.push(...batch.records().map(([id]) => Number(id)));
          if (ids.length < (cuts + 1) * 11_000) continue;
          cuts += 1;
          proxy.cutAll();
        }
      }
      expect(cuts).toBeGreaterThan(3);
      expect(ids).toEqual(Array.from({ length: rows }, (_, i) => i + 1));
    }
  });
});

describe('a check of SQLite', () => {
  test('says each fault in words of its own', async () => {
    await using database = await newSqlite();
    const { access, connection } = database;
    await connection.execute('CREATE TABLE rows (id INTEGER PRIMARY KEY, x REAL)', [], signal);
    expect(await checkIntake(access, { table: tableOf('rows') })).toBe('well');
    expect(await checkOutput(access, 'rows')).toBe('well');
    expect(await checkIntake(access, { table: tableOf('nothing') })).toMatch(/DATABASE_MISSING: .*no table/);
    expect(await checkIntake(access, { query: 'SELECT y FROM rows' })).toMatch(/DATABASE_MISSING: .*no such column/);
    const folder = mkdtempSync(join(tmpdir(), 'sluice-check-'));
    try {
      const missing = { ...access, jdbcUrl: `jdbc:sqlite:${folder}/none.db` };
      expect(await checkIntake(missing, { table: tableOf('rows') })).toMatch(/DATABASE_MISSING: .*create=true/);
      writeFileSync(
        join(folder, 'text.db'),
        'not a database at all, but a text that is long enough for one'.repeat(20),
      );
      const text = { ...access, jdbcUrl: `jdbc:sqlite:${folder}/text.db` };
      expect(await checkIntake(text, { table: tableOf('rows') })).toMatch(/DATABASE_FAULT: .*not a database/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('an address of a product without a driver is refused with those that there are', async () => {
    await using database = await newSqlite();
    const access = { ...database.access, jdbcUrl: 'jdbc:unheard-of://h/d' };
    expect(await checkIntake(access, { table: tableOf('rows') })).toMatch(/CONFIG_INVALID: jdbcUrl: .*unheard-of/);
  });
});
