import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SqlOutput } from '../../connectors/sql/sql-output.ts';
import { type TableReport, verifyTable } from '../../connectors/sql/verify/verify-table.ts';
import { countProblems } from '../../src/codecs/objects/verify-output.ts';
import { SinkPlan } from '../../src/testing.ts';
import { sqlSink } from '../acceptance/sql-output.ts';
import { needs } from '../support/services/needs.ts';
import { newH2, newMariaDb, newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';

const signal = new AbortController().signal;
const ROWS = 60;
const plan = new SinkPlan({ batches: 4, rowsPerBatch: 20, padding: 0 });
const letters = plan.deadLetters().length;
const tableOf = (name: string) => ({ catalog: null, schema: null, name });

const databases = [
  { name: 'SQLite', group: describe, make: newSqlite },
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres },
  { name: 'MariaDB', group: needs('mariadb'), make: () => newMariaDb() },
  { name: 'H2 by JDBC', group: needs('jdbc'), make: () => newH2() },
] as const;

for (const { name, group, make } of databases) {
  group(`a table of ${name}`, () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await make();
    });
    afterAll(() => database?.[Symbol.asyncDispose]());

    const quoted = (table: string): string => database.driver.dialect.tableName(tableOf(table));
    const column = (of: string): string => database.driver.dialect.quote(of);
    const change = (sql: string): Promise<number> => database.connection.execute(sql, [], signal);

    /** A run of a job into a table. @param until batches that are committed; less than all leaves it interrupted. */
    async function run(table: string, job: object, more: Partial<SqlOutput> = {}, until = 4): Promise<void> {
      await using sink = sqlSink(database.access, { table: tableOf(table), ...more });
      const whole = { ...plan.job, ...job };
      await sink.open(whole, signal);
      for (let at = 0; at < until; at += 1) await sink.write(plan.batch(at), plan.schema, signal);
      await sink.commit(signal);
      if (until === 4) await sink.publish({ ...plan.facts(), job: whole }, plan.schema, signal);
    }

    function verify(table: string): Promise<TableReport> {
      return verifyTable(database.access, { table: tableOf(table), stateSchema: null }, countProblems, signal);
    }

    async function problems(table: string): Promise<readonly string[]> {
      return (await verify(table)).problems;
    }

    test('is whole as its runs have left it; each difference is a sentence', async () => {
      expect(await problems('plain')).toEqual([
        expect.stringMatching(/sluice_ledger.* and no table .*plain, so nobody/),
      ]);
      await run('plain', {});
      await run('plain', { second: 1 });
      const report = await verify('plain');
      expect(report.problems).toEqual([]);
      expect(report).toMatchObject({ runs: 2, models: ['m'], tally: { read: 2 * plan.facts().tally.read } });
      expect(report.checked).toEqual([
        '4 columns by name',
        `${2 * ROWS} rows counted in all`,
        `${2 * letters} dead letters by number and checksum`,
      ]);
      expect(report.unchecked).toEqual([expect.stringMatching(/^what the rows hold: /)]);
      await change(`UPDATE ${quoted('plain')} SET ${column('note')} = 'changed'`);
      expect(await problems('plain')).toEqual([]);
      await change(`INSERT INTO ${quoted('plain')} (${column('id')}) VALUES (999)`);
      expect(await problems('plain')).toEqual([expect.stringMatching(/121 rows, .*written 120 .*: 1 is too many/)]);
      await change(`DELETE FROM ${quoted('plain')} WHERE ${column('id')} IN (3, 999)`);
      expect(await problems('plain')).toEqual([expect.stringMatching(/118 rows, .*written 120: 2 are missing/)]);
      await change(`DROP TABLE ${quoted('plain')}`);
      expect(await problems('plain')).toEqual([
        expect.stringMatching(/plain is not there; 2 runs wrote 120 rows to it/),
      ]);
      expect(await problems('plan')).toEqual([
        expect.stringMatching(/no run into .*plan, .* no such table. It knows of/),
      ]);
    });

    test('by its run column is told from rows of others', async () => {
      await run('marked', {}, { runColumn: 'run_id' });
      await change(`INSERT INTO ${quoted('marked')} (${column('id')}) VALUES (999)`);
      await run('marked', { second: 1 }, { runColumn: 'run_id' });
      expect(await verify('marked')).toMatchObject({
        problems: [],
        checked: ['5 columns by name', `${2 * ROWS} rows counted by the run that wrote them`, expect.anything()],
      });
      const others = `${column('run_id')} IS NOT NULL AND ${column('id')} IN (0, 3)`;
      await change(`DELETE FROM ${quoted('marked')} WHERE ${others}`);
      expect(await problems('marked')).toEqual([
        expect.stringMatching(
          /has 58 rows of the run \S+ by its column "run_id", and it has written 60: 2 are missing/,
        ),
        expect.stringMatching(/58 rows/),
      ]);
    });

    test('has its dead letters, to the byte', async () => {
      await run('letters', {});
      const where = `WHERE ${column('output')} LIKE '%letters'`;
      const letter = column('letter');
      await change(
        `UPDATE ${quoted('sluice_dead_letters')} SET ${letter} = CONCAT(${letter}, ' ') ${where} AND ${column('number')} = 2`,
      );
      expect(await problems('letters')).toEqual([expect.stringMatching(/dead letters of the run .* are not those/)]);
      await change(`DELETE FROM ${quoted('sluice_dead_letters')} ${where} AND ${column('number')} = 2`);
      expect(await problems('letters')).toEqual([
        expect.stringMatching(new RegExp(`has ${letters - 1} dead letters? .*written ${letters}`)),
      ]);
    });

    test.each([false, true])('is not whole before its job is finished (staged: %s)', async (atOnce) => {
      const table = atOnce ? 'staged' : 'open';
      await run(table, {}, { atOnce }, 3);
      const words = atOnce ? /not there/ : /not finished: 40 rows so far\. Run the same job again/;
      expect(await problems(table)).toEqual([
        expect.stringMatching(words),
        ...(atOnce ? [expect.stringMatching(/not finished: 40 rows so far, none of them in the table/)] : []),
      ]);
    });

    test('that is being written is told from one that was left', async () => {
      await using sink = sqlSink(database.access, { table: tableOf('busy') });
      await sink.open(plan.job, signal);
      await sink.write(plan.batch(0), plan.schema, signal);
      await sink.commit(signal);
      expect(await problems('busy')).toEqual([expect.stringMatching(/is being written right now: 20 rows so far/)]);
    });

    test('of a live topic is that of all its parts', async () => {
      for (const [split, from] of [
        ['t-0', 0],
        ['t-0', 60],
        ['t-1', 0],
      ] as const)
        await run('live', { split, from }, { part: `${split}@${from}` });
      await run('live b', {});
      expect(await verify('live')).toMatchObject({ problems: [], runs: 3 });
      await change(`DELETE FROM ${quoted('live')} WHERE ${column('id')} = 3`);
      expect(await problems('live')).toEqual([
        expect.stringMatching(/177 rows, .*3 runs .*written 180: 3 are missing/),
      ]);
    });
  });
}

test('nothing is made by looking, and what keeps from looking is no difference', async () => {
  await using database = await newSqlite();
  const { access, connection } = database;
  const names = async (): Promise<unknown> => connection.query('SELECT name FROM sqlite_schema', [], signal);
  const before = await names();
  const wanted = { table: tableOf('t'), stateSchema: null };
  expect((await verifyTable(access, wanted, countProblems, signal)).problems).toHaveLength(1);
  expect(await names()).toEqual(before);
  const elsewhere = { ...access, jdbcUrl: access.jdbcUrl.replace('test.db', 'no.db') };
  for (let again = 0; again < 2; again += 1)
    await expect(verifyTable(elsewhere, wanted, countProblems, signal)).rejects.toMatchObject({
      code: 'DATABASE_MISSING',
    });
});

test('a ledger that somebody has changed is told', async () => {
  await using database = await newSqlite();
  const { access, connection } = database;
  await using sink = sqlSink(access, { table: tableOf('t') });
  await sink.open(plan.job, signal);
  for (let at = 0; at < 4; at += 1) await sink.write(plan.batch(at), plan.schema, signal);
  await sink.publish(plan.facts(), plan.schema, signal);
  const wanted = { table: tableOf('t'), stateSchema: null };
  const problems = async () => (await verifyTable(access, wanted, countProblems, signal)).problems;
  await connection.execute(
    'UPDATE sluice_ledger SET manifest = replace(manifest, \'"read":\', \'"read":1\')',
    [],
    signal,
  );
  expect(await problems()).toEqual([expect.stringMatching(/^The run \S+: The manifest counts 1\d+ rows read/)]);
  await connection.execute('UPDATE sluice_ledger SET manifest = NULL', [], signal);
  expect(await problems()).toEqual([expect.stringMatching(/is finished and has no manifest/)]);
  for (const text of ['{', '{}']) {
    await connection.execute('UPDATE sluice_ledger SET ledger = ?', [text], signal);
    expect(await problems()).toEqual([expect.stringMatching(/The ledger of the run \S+ cannot be read/)]);
  }
});
