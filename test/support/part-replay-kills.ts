import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endOfRun } from './end-of-run.ts';
import { jobIntoParts, problemsOfTable, rowsOfTable } from './part-tables.ts';
import { PredictionServer } from './prediction-server.ts';
import { lettersOf, replay, writeJob } from './replays.ts';
import { needs } from './services/needs.ts';
import { newMariaDb, newPostgres, newSqlite, type TestDatabase } from './sql-databases.ts';
import { writeParts } from './written-parts.ts';

const CHILD = join(import.meta.dirname, 'killed-replay-child.ts');
const PLAN = { partitions: 2, parts: 2, rows: 12, isBad: (id: number) => id % 3 === 1 };
const IDS = Array.from({ length: 2 * 12 }, (_, id) => id);

const databases: readonly (readonly [string, () => Promise<TestDatabase>, ReturnType<typeof needs>])[] = [
  ['SQLite', newSqlite, describe],
  ['PostgreSQL', newPostgres, needs('postgres')],
  ['MariaDB', newMariaDb, needs('mariadb')],
];

/** Registers replays of the parts of a live topic in a table, killed with kill -9 at every `every`-th statement, before and after it is done. */
export function partReplayKills(every: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-part-kills-'));
  let server: PredictionServer;
  beforeAll(async () => {
    server = await PredictionServer.start({
      respond: () => ({ rewrite: (text) => text.replace('y_PREDICTION', 'double_PREDICTION') }),
    });
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  for (const [name, open, suite] of databases)
    suite(`a replay of a live topic's table of ${name} that is killed with kill -9`, () => {
      test('has each part done or undone, and the next one completes it', { timeout: 1_800_000 }, async () => {
        await using database = await open();
        const seen = { none: 0, some: 0, all: 0 };
        for (let operation = 0; ; operation += every) {
          const table = `scored_${operation}`;
          const job = jobIntoParts(server, database, table);
          await writeParts(job, PLAN);
          const before = (await lettersOf(job)).length;
          const file = writeJob(join(folder, 'job.json'), job);
          const how = await endOfRun(fork(CHILD, [file, 'statements', String(operation)], { stdio: 'inherit' }));
          expect(await problemsOfTable(database, table)).toEqual([]);
          const left = (await lettersOf(job)).length;
          const rows = await rowsOfTable(database, table, ['double_PREDICTION', 'id']);
          expect(rows.map((row) => Number(JSON.parse(row)[1])).toSorted((a, b) => a - b)).toEqual(
            IDS.flatMap((id) => [id, id]),
          );
          expect(rows.filter((row) => JSON.parse(row)[0] === null)).toHaveLength(left);
          seen[left === before ? 'none' : left === 0 ? 'all' : 'some'] += 1;
          await replay(job);
          expect(await lettersOf(job)).toEqual([]);
          expect(await problemsOfTable(database, table)).toEqual([]);
          const whole = IDS.flatMap((id) => Array.from({ length: 2 }, () => JSON.stringify([`${2 * id}`, `${id}`])));
          expect(await rowsOfTable(database, table, ['double_PREDICTION', 'id'])).toEqual(whole.toSorted());
          expect(await replay(job)).toMatchObject([{ letters: 0, scored: 0 }]);
          if (how === 'finished') break;
        }
        console.log(`replays of parts in ${name}: ${JSON.stringify(seen)} of them done when they were killed`);
        for (const times of Object.values(seen)) expect(times).toBeGreaterThan(0);
      });
    });
}
