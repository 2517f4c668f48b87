import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SqlConnection } from '../../connectors/sql/driver.ts';
import { sqlDriver } from '../../connectors/sql/sql-drivers.ts';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { recordsOf } from '../acceptance/sql-output.ts';
import { needs } from '../support/services/needs.ts';
import { newH2, newMariaDb, newPostgresByJdbc, type TestDatabase } from '../support/sql-databases.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const never = new AbortController().signal;
type Records = readonly (readonly (string | null)[])[];

const databases = [
  { name: 'MariaDB by LOAD DATA', group: needs('mariadb'), make: () => newMariaDb(), exactRows: true },
  {
    name: 'MariaDB by inserts',
    group: needs('mariadb'),
    make: () => newMariaDb('?allowLocalInfile=false'),
    exactRows: false,
  },
  { name: 'H2 by JDBC', group: needs('jdbc'), make: () => newH2(), exactRows: false },
  { name: 'PostgreSQL by JDBC', group: needs('jdbc', 'postgres'), make: newPostgresByJdbc, exactRows: false },
] as const;

for (const { name, group, make, exactRows } of databases) {
  group(`the driver of ${name}`, () => {
    let database: TestDatabase;
    let connection: SqlConnection;
    beforeAll(async () => {
      database = await make();
      ({ connection } = database);
    });
    afterAll(() => database?.[Symbol.asyncDispose]());

    const called = (table: string) => ({ catalog: null, schema: null, name: table });

    /** A table with a key `id`, a text `a` of at most 20 characters, a number `n` and a long text `t`. */
    async function newTable(table: string, more = ''): Promise<void> {
      const { quote, tableName, typeOf, longText, keyText } = database.driver.dialect;
      const fields = [
        `${quote('id')} ${typeOf('integer')} NOT NULL PRIMARY KEY`,
        `${quote('a')} ${keyText(20)} NOT NULL`,
        `${quote('n')} ${typeOf('number')}`,
        `${quote('t')} ${longText}`,
      ];
      await connection.execute(`CREATE TABLE ${tableName(called(table))} (${fields.join(', ')}${more})`, [], never);
    }

    async function load(table: string, records: Records, on = connection): Promise<void> {
      const found = await on.describeTable(called(table), never);
      await on.load({ table: found!.table, columns: found!.columns }, encodeRecords(records), never);
    }

    async function readAll(table: string, on = connection): Promise<(string | null)[][]> {
      const found = await on.describeTable(called(table), never);
      const chunks: Buffer[] = [];
      const read = { from: { table: found!.table }, columns: found!.columns, where: null, orderBy: ['id'] };
      for await (const chunk of on.read(read, never)) chunks.push(Buffer.from(chunk));
      return recordsOf(Buffer.concat(chunks));
    }

    const rows = (count: number, from = 0): Records =>
      Array.from({ length: count }, (_, i) => [String(from + i), `row ${from + i}`, String(i / 4), null]);

    test('any text goes in and comes out as it was, and null is not the empty text', async () => {
      await newTable('texts');
      const { quote } = database.driver.dialect;
      // PostgreSQL has no zero character in a text.
      const holds = (one: string): boolean => database.driver.product !== 'PostgreSQL' || !one.includes('\0');
      const unit = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter(holds);
      const nasty = fc.constantFrom(
        '\\',
        '\\N',
        'NULL',
        'null',
        '"',
        '""',
        '"",',
        ',',
        '\n',
        '\r\n',
        "'",
        '\t',
        '😀',
        '\x1a',
        '\0',
        '\\0',
        '%',
        '`',
        '?',
        '$1',
      );
      const text = fc.array(fc.oneof(nasty.filter(holds), unit), { maxLength: 6 }).map((parts) => parts.join(''));
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(text, fc.option(text)), { minLength: 1, maxLength: 30 }), async (given) => {
          const records = given.map(([a, t], i) => [String(i), a.slice(0, 20).toWellFormed(), null, t]);
          await connection.execute(`DELETE FROM ${quote('texts')}`, [], never);
          await load('texts', records);
          expect(await readAll('texts')).toEqual(records);
        }),
        { numRuns: 40 },
      );
    });

    test('rows that do not fit are faults of a row; undone to a savepoint, the transaction goes on', async () => {
      await newTable('bad');
      const { savepoint } = database.driver.dialect;
      const good = rows(5);
      const bad: Readonly<Record<string, readonly (string | null)[]>> = {
        'a value too long': ['100', 'x'.repeat(21), null, null],
        'a key twice': ['3', 'again', null, null],
        'a null where none may be': ['101', null, null, null],
        'a text that is no number': ['102', 'a', 'many', null],
        'a whole number too large': ['9223372036854775808', 'a', null, null],
      };
      await connection.begin(never);
      for (const [what, row] of Object.entries(bad)) {
        await connection.execute(savepoint.set, [], never);
        const error = await load('bad', [...good, row]).catch((thrown: unknown) => thrown);
        expect(error, what).toMatchObject({ kind: 'row' });
        const { row: index } = error as { readonly row?: number };
        if (exactRows && what !== 'a key twice') expect(index, what).toBe(5);
        else expect([undefined, 5], what).toContain(index);
        await connection.execute(savepoint.rollback, [], never);
      }
      await load('bad', good);
      await connection.commit(never);
      expect(await readAll('bad')).toEqual(good);
    });

    test('what was not committed is gone with the transaction, and with the connection', async () => {
      await newTable('undone');
      await connection.begin(never);
      await load('undone', rows(3));
      await connection.rollback(never);
      const other = await database.driver.connect(never);
      await other.begin(never);
      await load('undone', rows(3), other);
      await other.close();
      expect(await readAll('undone')).toEqual([]);
    });

    test('a table, a column and a query that are not there are said to be missing', async () => {
      await newTable('there');
      expect(await connection.describeTable(called('nowhere'), never)).toBeNull();
      const { quote } = database.driver.dialect;
      await expect(connection.query(`SELECT * FROM ${quote('nowhere')}`, [], never)).rejects.toMatchObject({
        kind: 'missing',
        what: 'table',
      });
      await expect(connection.query(`SELECT ${quote('nix')} FROM ${quote('there')}`, [], never)).rejects.toMatchObject({
        kind: 'missing',
        what: 'column',
      });
      await expect(connection.query('SELECT 1 FROM FROM', [], never)).rejects.toMatchObject({ kind: 'statement' });
      // What failed has begun nothing: the next statement is a transaction of its own.
      await load('there', rows(1));
      await using other = await database.driver.connect(never);
      expect(await readAll('there', other)).toEqual(rows(1));
    });

    test('a large table is read in order by a slow reader, and one that leaves early leaves nothing behind', async () => {
      await newTable('large');
      const wide = 'w'.repeat(400);
      for (let from = 0; from < 6000; from += 2000)
        await load(
          'large',
          rows(2000, from).map(([id, a, n]) => [id!, a!, n!, wide]),
        );
      const found = (await connection.describeTable(called('large'), never))!;
      expect(found.key.map((one) => one.toLowerCase())).toEqual(['id']);
      const read = { from: { table: found.table }, columns: found.columns, where: null, orderBy: ['id'] };
      const other = await database.driver.connect(never);
      await other.snapshot(null, never);
      const ids: string[] = [];
      for await (const chunk of other.read(read, never)) {
        for (const [id] of recordsOf(Buffer.from(chunk))) ids.push(id!);
        // Whoever waits for another connection's answer has been slow.
        await connection.query('SELECT 1', [], never);
      }
      expect(ids).toEqual(Array.from({ length: 6000 }, (_, i) => String(i)));
      for await (const chunk of other.read(read, never)) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      await other.close();
      await connection.execute(`DROP TABLE ${database.driver.dialect.tableName(found.table)}`, [], never);
    });

    test('a snapshot sees nothing that is committed after it', async () => {
      await newTable('seen');
      await load('seen', rows(2));
      const other = await database.driver.connect(never);
      await other.snapshot(null, never);
      expect(await readAll('seen', other)).toEqual(rows(2));
      await load('seen', rows(2, 10));
      expect(await readAll('seen', other)).toEqual(rows(2));
      await other.rollback(never);
      expect(await readAll('seen', other)).toHaveLength(4);
      await other.close();
    });

    test('a lock is one connection’s at a time, and free when that has closed', async () => {
      const [one, other] = [await database.driver.connect(never), await database.driver.connect(never)];
      const name = 'a name that is longer than sixty-four characters, as names of outputs may well be';
      expect(await one.tryLock(name, never)).toBe(true);
      expect(await other.tryLock(name, never)).toBe(false);
      expect(await other.tryLock('another', never)).toBe(true);
      await one.close();
      expect(await other.tryLock(name, never)).toBe(true);
      await other.close();
    });

    test('an abort rejects with its reason, soon, and closing is still possible', async () => {
      const other = await database.driver.connect(never);
      const controller = new AbortController();
      const product = database.driver.product;
      // Each takes far longer than a test may.
      const long = {
        MariaDB: 'select sleep(100)',
        H2: 'select count(*) from system_range(1, 100000000) a, system_range(1, 100000000) b where a.x * b.x = 7',
        PostgreSQL: 'select pg_sleep(100)',
      }[product]!;
      const under = other.query(long, [], controller.signal);
      const reason = new Error('enough');
      setImmediate(() => controller.abort(reason));
      await expect(under).rejects.toBe(reason);
      await expect(other.query('SELECT 1', [], never)).rejects.toThrow();
      const start = performance.now();
      await other.close();
      expect(performance.now() - start).toBeLessThan(10_000);
      expect(await connection.query('SELECT 1', [], never)).toEqual([[1]]);
    });

    test('parameters are values, whatever they hold, and whole numbers keep their digits', async () => {
      await newTable('bound');
      const { quote, parameter } = database.driver.dialect;
      const big = 9_007_199_254_740_993n;
      const nasty = `'; drop \\ ? "\n`;
      const sql = `INSERT INTO ${quote('bound')} (${['id', 'a', 'n'].map((one) => quote(one)).join(', ')}) VALUES (${parameter(1)}, ${parameter(2)}, ${parameter(3)})`;
      if (database.driver.product === 'MariaDB') {
        await connection.execute(sql, [big, nasty, 0.1], never);
        const where = `WHERE ${quote('id')} = ${parameter(1)}`;
        const found = await connection.query(
          `SELECT ${quote('id')}, ${quote('a')}, ${quote('n')} FROM ${quote('bound')} ${where}`,
          [big],
          never,
        );
        expect(found.map(([id, ...rest]) => [String(id), ...rest.map(String)])).toEqual([[String(big), nasty, '0.1']]);
      } else {
        await connection.execute(sql, [42, nasty, 0.1], never);
        const found = await connection.query(`SELECT ${quote('id')}, ${quote('a')} FROM ${quote('bound')}`, [], never);
        expect(found).toEqual([[42, nasty]]);
      }
      const { literal } = database.driver.dialect;
      const { columns } = (await connection.describeTable(called('bound'), never))!;
      const text = columns.find((column) => column.name === 'a')!;
      const same = await connection.query(
        `SELECT COUNT(*) FROM ${quote('bound')} WHERE ${quote('a')} = ${literal(nasty, text)}`,
        [],
        never,
      );
      expect(Number(same[0]![0])).toBe(1);
    });

    test('two that wait for each other: one of them is told to do it again, and can', async () => {
      await newTable('locked');
      await load('locked', rows(2));
      const { quote, dialect } = { ...database.driver.dialect, dialect: database.driver.dialect };
      const [one, other] = [await database.driver.connect(never), await database.driver.connect(never)];
      const change = (on: SqlConnection, id: number) =>
        on.execute(
          `UPDATE ${quote('locked')} SET ${quote('n')} = ${quote('n')} + 1 WHERE ${quote('id')} = ${dialect.parameter(1)}`,
          [id],
          never,
        );
      await one.begin(never);
      await other.begin(never);
      await change(one, 0);
      await change(other, 1);
      const results = await Promise.allSettled([change(one, 1), change(other, 0)]);
      const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
      expect(failed.length).toBeGreaterThan(0);
      for (const error of failed) expect(error).toMatchObject({ kind: 'conflict' });
      await one.rollback(never);
      await other.rollback(never);
      await one.begin(never);
      await change(one, 0);
      await one.commit(never);
      await Promise.all([one.close(), other.close()]);
    });

    test('a server that is not there, and a connection that breaks, are faults of the connection', async () => {
      const { host, port } = addressOf(database.access.jdbcUrl);
      await using proxy = await TcpProxy.start({ host, port });
      const jdbcUrl = database.access.jdbcUrl.replace(`${host}:${port}`, `${proxy.host}:${proxy.port}`);
      const driver = await sqlDriver({ ...database.access, jdbcUrl });
      const through = await driver.connect(never);
      expect(await through.query('SELECT 1', [], never)).toEqual([[1]]);
      proxy.breakAll();
      await expect(through.query('SELECT 1', [], never)).rejects.toMatchObject({ kind: 'connection' });
      await through.close();
      proxy.closed = true;
      await expect(driver.connect(never)).rejects.toMatchObject({ kind: 'connection' });
    });

    test('a wrong password is a fault of access, and stands in no message', async () => {
      const driver = await sqlDriver({ ...database.access, user: 'nobody', password: 'not-this-word' });
      const error = await driver.connect(never).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ kind: 'access' });
      expect((error as Error).message).not.toContain('not-this-word');
    });
  });
}

function addressOf(jdbcUrl: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /\/\/([^:/]+):(\d+)/.exec(jdbcUrl) ?? [];
  return { host, port: Number(port) };
}

describe('the drivers', () => {
  test('an address without a driver asks for its JAR files, and a missing one is named', async () => {
    const access = { user: null, password: null, connectMs: 1, fetchSize: null, driverClass: null };
    await expect(sqlDriver({ ...access, jdbcUrl: 'jdbc:db2://host:50000/sales', jars: [] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/db2.*jars/) as string,
    });
    await expect(
      sqlDriver({ ...access, jdbcUrl: 'jdbc:db2://host:50000/sales', jars: ['no/such.jar'] }),
    ).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('no/such.jar') as string });
  });
});
