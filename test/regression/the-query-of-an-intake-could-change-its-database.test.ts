import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runJob } from '../../src/index.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { needs } from '../support/services/needs.ts';
import { newMariaDb, newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';

const { signal } = new AbortController();

let predictions: PredictionServer;
let folder = '';
beforeAll(async () => {
  predictions = await PredictionServer.start();
});
afterAll(() => predictions.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-query-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.each([
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres },
  { name: 'MariaDB', group: needs('mariadb'), make: () => newMariaDb() },
  { name: 'SQLite', group: describe, make: newSqlite },
])('$name', ({ group, make, name }) => {
  group('read by a query', () => {
    let database: TestDatabase;
    beforeEach(async () => {
      database = await make();
      await database.connection.execute('CREATE TABLE kept (x int)', [], signal);
      await database.connection.execute('INSERT INTO kept VALUES (1), (2)', [], signal);
    });
    afterEach(() => database[Symbol.asyncDispose]());

    const rows = async (): Promise<number> => {
      const [row] = await database.connection.query('SELECT count(*) FROM kept', [], signal);
      return Number(row?.[0]);
    };

    const run = async (query: string): Promise<boolean> => {
      const { jdbcUrl, user, password } = database.access;
      const credentials = user === null ? {} : { credentials: { user, password } };
      const job = runJob(
        {
          deployment: { id: 'd', server: predictions.url },
          intakeSettings: { type: 'jdbc', jdbcUrl, ...credentials, query },
          outputSettings: { type: 'localFile', path: join(folder, 'out.csv') },
        },
        { overwrite: true },
      );
      return await job.result.then(
        () => true,
        () => false,
      );
    };

    test.each([
      'DROP TABLE kept',
      'DELETE FROM kept',
      'DELETE FROM kept RETURNING x',
      'WITH gone AS (DELETE FROM kept RETURNING x) SELECT x FROM gone',
      'INSERT INTO kept VALUES (3) RETURNING x',
      'SELECT 1; DROP TABLE kept',
      'SELECT 1) AS q; COMMIT; DROP TABLE kept; SELECT x FROM (SELECT 1 AS x',
      'SELECT 1) TO STDOUT; COMMIT; DROP TABLE kept; --',
      'SELECT x FROM kept) AS q LIMIT 0; COMMIT; DELETE FROM kept; --',
      'COMMIT; DROP TABLE kept',
    ])('keeps what it has: %s', async (query) => {
      expect(await run(query)).toBe(false);
      expect(await rows()).toBe(2);
    });

    test('is read by one that only reads', async () => {
      for (const query of ['SELECT x FROM kept ORDER BY x;', 'WITH two AS (SELECT x FROM kept) SELECT x FROM two'])
        expect(await run(query), query).toBe(true);
    });

    if (name === 'SQLite')
      test('makes no file beside it', async () => {
        for (const query of [`ATTACH DATABASE '${join(folder, 'a')}' AS a`, `VACUUM INTO '${join(folder, 'v')}'`])
          expect(await run(query), query).toBe(false);
        expect([existsSync(join(folder, 'a')), existsSync(join(folder, 'v'))]).toEqual([false, false]);
      });
  });
});
