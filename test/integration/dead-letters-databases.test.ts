import { fork } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSluiceError } from '../../src/core/error.ts';
import { type JobInput, runJob } from '../../src/index.ts';
import { killEvery } from '../support/effort.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { ReplayScene } from '../support/replay-scene.ts';
import { isBad, lettersOf, refusesBad, replay, writeJob } from '../support/replays.ts';
import { needs } from '../support/services/needs.ts';
import { newMariaDb, newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';

const CHILD = join(import.meta.dirname, '../support/killed-replay-child.ts');
const never = new AbortController().signal;
const ROWS = 210;
const scene = await ReplayScene.open(ROWS);
const { folder, server, bad: BAD } = scene;

const databases: readonly (readonly [
  string,
  () => Promise<TestDatabase>,
  typeof describe | ReturnType<typeof needs>,
])[] = [
  ['SQLite', newSqlite, describe],
  ['PostgreSQL', newPostgres, needs('postgres')],
  ['MariaDB', newMariaDb, needs('mariadb')],
];

function jobInto({ access }: TestDatabase, output: object = {}, changes: Partial<JobInput> = {}): JobInput {
  const { jdbcUrl, user, password } = access;
  const credentials = user === null ? {} : { credentials: { user, password } };
  return scene.job(
    { type: 'jdbc', jdbcUrl, ...credentials, table: 'scored', statementType: 'create_table', ...output },
    changes,
  );
}

async function tableOf(
  { connection, driver: { dialect } }: TestDatabase,
  columns: readonly string[],
): Promise<string[]> {
  const names = columns.map((name) => dialect.quote(name)).join(', ');
  const table = dialect.tableName({ catalog: null, schema: null, name: 'scored' });
  const rows = await connection.query(`SELECT ${names} FROM ${table}`, [], never);
  return rows.map((row) => JSON.stringify(row.map((cell) => (cell === null ? null : String(cell))))).toSorted();
}

const scoredRows = (ids: readonly number[]): string[] =>
  ids.map((id) => JSON.stringify([String(2 * id), String(id), isBad(id) ? 'bad' : `text ${id % 3}`]));
const blankRows = (ids: readonly number[]): string[] => ids.map((id) => JSON.stringify([null, String(id), 'bad']));
const all = Array.from({ length: ROWS }, (_, id) => id);

for (const [name, open, suite] of databases)
  suite(`a replay of a table of ${name}`, () => {
    test('puts the rows that can be scored now in the place of their blank ones, in one transaction with the ledger', async () => {
      await using database = await open();
      const job = jobInto(database);
      server.options = { ...refusesBad, rejectAs: 'row' };
      await runJob(job).result;
      const columns = ['y_PREDICTION', 'id', 'text'];
      const good = all.filter((id) => !isBad(id));
      expect(await tableOf(database, columns)).toEqual([...scoredRows(good), ...blankRows(BAD)].toSorted());
      expect(await lettersOf(job)).toHaveLength(BAD.length);
      // Some of them still fail: they stay where they are, with the reason of now.
      const late = BAD.filter((id) => id > 100);
      server.options = {
        reject: ([id, text]) => (text === 'bad' && Number(id) > 100 ? 'still bad' : null),
        rejectAs: 'row',
      };
      const [report] = await replay(job);
      expect(report).toMatchObject({ letters: BAD.length, scored: BAD.length - late.length, failed: late.length });
      const done = all.filter((id) => !late.includes(id));
      expect(await tableOf(database, columns)).toEqual([...scoredRows(done), ...blankRows(late)].toSorted());
      const left = await lettersOf(job);
      expect(left.map(({ row, attempts }) => [row, attempts])).toEqual(late.map((id) => [id, 2]));
      for (const { reason } of left) expect(reason).toContain('still bad');
      // The server goes away in the middle: nothing was done.
      server.options = { respond: () => ({ status: 401 }) };
      await expect(replay(job)).rejects.toThrow();
      expect(await tableOf(database, columns)).toEqual([...scoredRows(done), ...blankRows(late)].toSorted());
      server.options = {};
      const [last] = await replay(job);
      expect(last?.manifest?.tally).toEqual({ read: ROWS, scored: ROWS, failed: 0, skipped: 0 });
      expect(last?.manifest?.objects.map(({ role, records }) => [role, records])).toEqual([['rows', ROWS]]);
      expect(await tableOf(database, columns)).toEqual(scoredRows(all).toSorted());
      expect(await lettersOf(job)).toEqual([]);
      expect(await replay(job)).toMatchObject([{ letters: 0, scored: 0 }]);
      expect(await tableOf(database, columns)).toEqual(scoredRows(all).toSorted());
    });

    test('whose rows look alike replaces as many of them as were scored, and refuses a table that somebody changed', async () => {
      await using database = await open();
      const { connection, driver } = database;
      const table = driver.dialect.tableName({ catalog: null, schema: null, name: 'scored' });
      // The blank rows of these letters are all the same: (null, 'bad').
      const job = jobInto(database, {}, { passthroughColumns: ['text'] });
      server.options = { ...refusesBad, rejectAs: 'row' };
      await runJob(job).result;
      server.options = {
        reject: ([id, text]) => (text === 'bad' && Number(id) % 2 === 0 ? 'even' : null),
        rejectAs: 'row',
      };
      const odd = BAD.filter((id) => id % 2 === 1);
      expect(await replay(job)).toMatchObject([{ scored: odd.length, failed: BAD.length - odd.length }]);
      const shown = (ids: readonly number[]): string[] =>
        ids.map((id) => JSON.stringify([String(2 * id), isBad(id) ? 'bad' : `text ${id % 3}`]));
      const good = all.filter((id) => !isBad(id));
      const blank = Array.from({ length: BAD.length - odd.length }, () => JSON.stringify([null, 'bad']));
      expect(await tableOf(database, ['y_PREDICTION', 'text'])).toEqual(
        [...shown(good), ...shown(odd), ...blank].toSorted(),
      );
      const before = await tableOf(database, ['y_PREDICTION', 'text']);
      await connection.execute(
        `UPDATE ${table} SET ${driver.dialect.quote('text')} = 'mine' WHERE ${driver.dialect.quote('y_PREDICTION')} IS NULL`,
        [],
        never,
      );
      server.options = {};
      const error = findSluiceError(await replay(job).catch((thrown: unknown) => thrown));
      expect(error?.code).toBe('VERIFY_FAILED');
      expect(await lettersOf(job)).toHaveLength(BAD.length - odd.length);
      expect((await tableOf(database, ['y_PREDICTION'])).length).toBe(before.length);
    });

    // The database does what is to be seen here: one server is enough.
    test.skipIf(name === 'MariaDB')(
      'that is killed at any of its statements has done nothing, or everything; the next one does all of it',
      async () => {
        await using database = await open();
        const job = jobInto(database, {}, { chunkRows: 10 });
        server.options = { ...refusesBad, rejectAs: 'row' };
        await runJob(job).result;
        const columns = ['y_PREDICTION', 'id', 'text'];
        const before = await tableOf(database, columns);
        const file = writeJob(join(folder, 'killed.json'), job);
        server.options = {};
        let undone = 0;
        for (let operation = 0; ; operation += killEvery(5)) {
          const how = await endOfRun(fork(CHILD, [file, 'statements', String(operation)], { stdio: 'inherit' }));
          const left = await lettersOf(job);
          if (left.length === 0) break;
          expect(how).toBe('killed');
          expect(left).toHaveLength(BAD.length);
          expect(await tableOf(database, columns)).toEqual(before);
          undone += 1;
        }
        expect(undone).toBeGreaterThan(2);
        expect(await tableOf(database, columns)).toEqual(scoredRows(all).toSorted());
        expect(await replay(job)).toMatchObject([{ letters: 0, scored: 0 }]);
      },
    );

    test.skipIf(name === 'MariaDB')('marks its rows with the run, and updates where the job updates', async () => {
      await using database = await open();
      server.options = { ...refusesBad, rejectAs: 'row' };
      const job = jobInto(database, { runColumn: 'run' });
      await runJob(job).result;
      const { connection, driver } = database;
      const runs = async () =>
        connection.query(
          `SELECT COUNT(*), COUNT(DISTINCT ${driver.dialect.quote('run')}) FROM ${driver.dialect.tableName({ catalog: null, schema: null, name: 'scored' })}`,
          [],
          never,
        );
      server.options = {};
      await replay(job);
      expect((await runs()).flat().map(Number)).toEqual([ROWS, 1]);
      // The same rows once more, as updates of the table that is there.
      const table = driver.dialect.tableName({ catalog: null, schema: null, name: 'scored' });
      await connection.execute(`UPDATE ${table} SET ${driver.dialect.quote('y_PREDICTION')} = -1`, [], never);
      const update = jobInto(database, { statementType: 'update', whereColumns: ['id'] });
      server.options = { ...refusesBad, rejectAs: 'row' };
      await runJob(update).result;
      server.options = {};
      expect(await replay(update)).toMatchObject([{ scored: BAD.length }]);
      expect(await tableOf(database, ['y_PREDICTION', 'id', 'text'])).toEqual(scoredRows(all).toSorted());
    });
  });
