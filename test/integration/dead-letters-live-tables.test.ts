import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FinishedRun, withFinishedRuns } from '../../connectors/sql/finished-runs.ts';
import { SqlFault } from '../../connectors/sql/sql-fault.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { JobInput } from '../../src/index.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { sqlOutput } from '../../src/jobs/sql-endpoints.ts';
import { LiveRuns } from '../support/live-runs.ts';
import { jobIntoParts, problemsOfTable, rowsOfTable } from '../support/part-tables.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { lettersOf, replay } from '../support/replays.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { newMariaDb, newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';
import { until } from '../support/until.ts';
import { partsOf, writeParts } from '../support/written-parts.ts';

const never = new AbortController().signal;
const ROWS = 30;
const isBad = (id: number): boolean => id % 7 === 3;
const PLAN = { partitions: 2, parts: 2, rows: ROWS, isBad };
const IDS = Array.from({ length: 2 * ROWS }, (_, id) => id);
const range = (length: number): readonly number[] => Array.from({ length }, (_, i) => i);

type Suite = ReturnType<typeof needs>;
const databases: readonly (readonly [string, () => Promise<TestDatabase>, Suite])[] = [
  ['SQLite', newSqlite, describe],
  ['PostgreSQL', newPostgres, needs('postgres')],
  ['MariaDB', newMariaDb, needs('mariadb')],
];

let server: PredictionServer;
beforeAll(async () => {
  server = await PredictionServer.start();
});
afterAll(() => server.close());
const renamed = { respond: () => ({ rewrite: (text: string) => text.replace('y_PREDICTION', 'double_PREDICTION') }) };
beforeEach(() => {
  server.options = renamed;
});

const line = (...fields: readonly (string | number | null)[]): string =>
  JSON.stringify(fields.map((field) => (field === null ? null : String(field))));

for (const [name, open, suite] of databases)
  suite(`a replay of the table of ${name} that a live topic goes to`, () => {
    const columns = ['double_PREDICTION', 'id', 'text'];

    test('completes each part in one transaction with its letters and its ledger; once more changes nothing', async () => {
      await using database = await open();
      const job = jobIntoParts(server, database, 'scored');
      await writeParts(job, PLAN);
      const bad = IDS.filter(isBad);
      expect(await lettersOf(job)).toHaveLength(2 * bad.length);
      server.options = {
        ...renamed,
        reject: ([id]) => (id === '10' || id === '31' ? 'bad still' : null),
        rejectAs: 'row',
      };
      expect(await replay(job)).toMatchObject([{ letters: 2 * bad.length, scored: 2 * bad.length - 4, failed: 4 }]);
      const left = await lettersOf(job);
      expect(left.map(({ row, attempts }) => [row, attempts])).toEqual([
        [10, 2],
        [31, 2],
        [10, 2],
        [31, 2],
      ]);
      for (const { reason } of left) expect(reason).toContain('bad still');
      expect(await problemsOfTable(database, 'scored')).toEqual([]);
      const rows = (blank: readonly number[]): string[] =>
        IDS.flatMap((id) => [0, 1].map(() => line(blank.includes(id) ? null : 2 * id, id, `text ${id}`))).toSorted();
      expect(await rowsOfTable(database, 'scored', columns)).toEqual(rows([10, 31]));
      server.options = renamed;
      expect(await replay(job)).toMatchObject([{ letters: 4, scored: 4 }]);
      expect(await rowsOfTable(database, 'scored', columns)).toEqual(rows([]));
      expect(await lettersOf(job)).toEqual([]);
      expect(await replay(job)).toMatchObject([{ letters: 0, scored: 0 }]);
      expect(await rowsOfTable(database, 'scored', columns)).toEqual(rows([]));
      expect(await problemsOfTable(database, 'scored')).toEqual([]);
      // The next holder of a partition finds its parts as they were.
      await using parts = partsOf(resolveJob(job));
      for (const partition of [0, 1])
        for (const from of [0, ROWS])
          expect(await parts.publishedJob(`in/${partition}`, from, never)).toMatchObject({ through: from + ROWS });
    });

    test('tells the runs of its parts by their column, and leaves those of another job alone', async () => {
      await using database = await open();
      const job = jobIntoParts(server, database, 'scored', { runColumn: 'run' }, { passthroughColumns: ['text'] });
      const plan = { ...PLAN, row: (offset: number) => [offset, 'alike'] as const };
      await writeParts(job, plan);
      const other = { ...job, deployment: { id: 'other', server: server.url } };
      await writeParts(
        { ...other, intakeSettings: { type: 'kafka', topic: 'else', group: 'others' } },
        { ...plan, topic: 'else' },
      );
      const letters = (await lettersOf(job)).length;
      expect(await replay(job)).toMatchObject([{ letters: letters / 2, scored: letters / 2 }]);
      expect(await lettersOf(job)).toHaveLength(letters / 2);
      expect(await problemsOfTable(database, 'scored')).toEqual([]);
      await expect(replay(job)).rejects.toMatchObject({
        code: 'LEDGER_OTHER_JOB',
        message: expect.stringContaining('deployment: was "other", is "d"'),
      });
      expect(await replay(other)).toMatchObject([{ scored: letters / 2 }]);
      expect(await problemsOfTable(database, 'scored')).toEqual([]);
      const table = await rowsOfTable(database, 'scored', ['double_PREDICTION']);
      expect(table).toEqual(IDS.flatMap((id) => [0, 1, 2, 3].map(() => line(2 * id))).toSorted());
    });

    test('sets a row by its key only where nothing newer was written since', async () => {
      await using database = await open();
      const { connection, driver } = database;
      const { quote } = driver.dialect;
      const table = driver.dialect.tableName({ catalog: null, schema: null, name: 'scored' });
      const key = driver.dialect.typeOf('integer');
      await connection.execute(
        `CREATE TABLE ${table} (${quote('id')} ${key} PRIMARY KEY, ${quote('double_PREDICTION')} ${key}, ${quote('text')} ${driver.dialect.keyText(40)})`,
        [],
        never,
      );
      const job = jobIntoParts(server, database, 'scored', {
        statementType: 'insert_update',
        whereColumns: ['id'],
        createTableIfNotExists: false,
      });
      // Twice the same keys: what the second part has is newer. The first part's 3 failed, and then came again and was scored; 10 failed twice,
      // and so did 17, of which the newer message fails still.
      const row = (offset: number) => [offset % ROWS, offset < ROWS || offset % ROWS === 17 ? 'old' : 'new'] as const;
      const failing = [
        [3, 10, 17, 24],
        [10, 17],
      ];
      const isBad = (id: number, part: number): boolean => failing[part]!.includes(id);
      await writeParts(job, { partitions: 1, parts: 2, rows: ROWS, isBad, row });
      expect(await lettersOf(job)).toHaveLength(6);
      const given: (readonly [id: string, text: string])[] = [];
      server.options = { ...renamed, predict: ([id, text]) => String(1_000 + given.push([id!, text!])) };
      await replay(job);
      expect(await lettersOf(job)).toEqual([]);
      expect(given).toHaveLength(6);
      const fields = ['id', 'double_PREDICTION', 'text'];
      const rows = await rowsOfTable(database, 'scored', fields);
      expect(rows).toHaveLength(ROWS);
      const asked = (id: string, text: string): number =>
        1_001 + given.findIndex((one) => one[0] === id && one[1] === text);
      // The newer message of a key is replayed first.
      for (const row of [
        line(3, 6, 'new'),
        line(24, 48, 'new'),
        line(10, asked('10', 'new'), 'new'),
        line(17, asked('17', 'old'), 'old'),
      ])
        expect(rows).toContain(row);
      expect(await problemsOfTable(database, 'scored')).toEqual([]);
    });

    test('does the transaction of a part again after a deadlock, and each row is there once', async () => {
      await using database = await open();
      const job = jobIntoParts(server, database, 'scored');
      await writeParts(job, { ...PLAN, partitions: 1, parts: 1, isBad: (id) => id === 3 });
      const resolved = resolveJob(job);
      const { outputSettings: settings } = resolved;
      if (settings.type !== 'jdbc') throw new Error('a table is wanted');
      const output = sqlOutput(resolved, settings, { overwrite: false, part: null });
      const rowOf = (text: string) => ({ bytes: Buffer.from(text), ends: Uint32Array.of(text.length) });
      const rows = { blank: rowOf(',3,text 3\n'), scored: rowOf('6,3,text 3\n') };
      let tries = 0;
      const { access } = database;
      const work = async ([run]: readonly FinishedRun[]): Promise<void> => {
        const { objects: _, columns: __, ...facts } = run!.manifest;
        const tally = { ...facts.tally, scored: ROWS, failed: 0 };
        await run!.insist(async () => {
          const numbers: number[] = [];
          for await (const { number } of run!.letters(never)) numbers.push(number);
          await run!.replace(rows, numbers, [], never);
          tries += 1;
          if (tries < 3) throw new SqlFault('conflict', 'deadlock detected');
          await run!.finish({ ...facts, tally }, never);
        }, never);
      };
      await withFinishedRuns({ access, output, parts: true, clock: systemClock }, work, never);
      expect(tries).toBe(3);
      const whole = range(ROWS).map((id) => line(2 * id, id, `text ${id}`));
      expect(await rowsOfTable(database, 'scored', columns)).toEqual(whole.toSorted());
      expect(await lettersOf(job)).toEqual([]);
      expect(await problemsOfTable(database, 'scored')).toEqual([]);
    });

    needs('kafka')('while the live job runs', () => {
      test('has each row once, scored, though rows that look alike are written all the time', {
        timeout: 180_000,
      }, async () => {
        await using database = await open();
        await using live = await LiveRuns.open((await kafkaService()).brokers);
        const partitions = name === 'SQLite' ? 1 : 2;
        const place = await live.place(partitions);
        const { jdbcUrl, user, password } = database.access;
        const job: JobInput = {
          ...live.job(place, { passthroughColumns: ['text'], intakeSettings: { columns: ['id', 'text'] } }),
          outputSettings: {
            type: 'jdbc',
            jdbcUrl,
            ...(user === null ? {} : { credentials: { user, password } }),
            table: 'scored',
            statementType: 'insert',
            createTableIfNotExists: true,
            commitInterval: 0.2,
            roll: { rows: 60, seconds: 0.4 },
          },
        };
        // A bad row that comes for the first time fails; when it is tried again it is scored. All blank rows look alike.
        const tried = new Set<string>();
        live.server.options = {
          rejectAs: 'row',
          reject: ([id]) => {
            if (!isBad(Number(id)) || tried.has(id!)) return null;
            tried.add(id!);
            return 'bad';
          },
        };
        const run = live.begin(job);
        const send = async (from: number): Promise<void> =>
          live.topics.send(
            place.input,
            range(100).map((i) => ({
              partition: (from + i) % partitions,
              value: Buffer.from(JSON.stringify({ id: from + i, text: 'alike' })),
            })),
          );
        let scored = 0;
        for (let from = 0; from < 1_000; from += 100) {
          await send(from);
          if (from === 0)
            await until(
              async () => (await live.topics.lag(place.group, place.input)) === 0,
              () => JSON.stringify(run.progress()),
            );
          const [report] = await replay(job);
          scored += report!.scored;
          expect(report).toMatchObject({ failed: 0, untried: 0 });
        }
        expect(scored).toBeGreaterThan(0);
        await live.drained(place, run);
        await live.stop(run);
        const [report] = await replay(job);
        scored += report!.scored;
        expect(scored).toBe(range(1_000).filter(isBad).length);
        expect(await lettersOf(job)).toEqual([]);
        const rows = await rowsOfTable(database, 'scored', ['y_PREDICTION', 'text']);
        expect(rows).toEqual(
          range(1_000)
            .map((id) => line(2 * id, 'alike'))
            .toSorted(),
        );
        expect(await problemsOfTable(database, 'scored')).toEqual([]);
      });
    });
  });
