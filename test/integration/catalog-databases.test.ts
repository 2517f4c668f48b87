import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { CatalogIndex, type RegisteredVersion } from '../../connectors/catalog/catalog-index.ts';
import { main } from '../../src/cli/main.ts';
import type { FormatName } from '../../src/codecs/object-format.ts';
import { systemClock } from '../../src/core/clock.ts';
import { findSluiceError } from '../../src/core/error.ts';
import type { Column } from '../../src/core/schema.ts';
import { addDataset } from '../../src/jobs/catalog/add-dataset.ts';
import { openDatabaseInput } from '../../src/jobs/catalog/database-input.ts';
import { openDatasetSource } from '../../src/jobs/catalog/open-dataset.ts';
import { StoredVersions } from '../../src/jobs/catalog/version-files.ts';
import type { CatalogPlace } from '../../src/jobs/description/dataset-fields.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import type { NamedTable } from '../../src/jobs/named-table.ts';
import { type Ended, sluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { needs } from '../support/services/needs.ts';
import { newH2, newMariaDb, newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';

const never = new AbortController().signal;
const ROWS = 20;

let predictions: PredictionServer;
let folder = '';
beforeAll(async () => {
  predictions = await PredictionServer.start();
});
afterAll(() => predictions.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-catalog-sql-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function place(): CatalogPlace {
  const nowhere = { url: null, token: null, allowedHosts: [], caFile: null, store: null };
  return { ...nowhere, folder: join(folder, 'state/catalog'), user: null };
}

function command(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return sluice(args, { cwd: folder, env: { SLUICE_STATE: join(folder, 'state'), ...env } });
}

/** The same without a process of its own, which takes a second. */
async function here(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  const kept = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => (said[stream] += String(text)) !== ''),
  );
  vi.stubEnv('SLUICE_STATE', join(folder, 'state'));
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  try {
    return { code: await main(args), ...said };
  } finally {
    for (const one of kept) one.mockRestore();
    vi.unstubAllEnvs();
  }
}

/** How the database of a test is named on a command line. */
function named({ access }: TestDatabase, more: NamedTable): NamedTable {
  const { jdbcUrl, user, jars } = access;
  return { jdbcUrl, ...(user === null ? {} : { user, passwordEnv: 'SECRET' }), jars, ...more };
}

async function add(database: TestDatabase, more: NamedTable, format: FormatName = 'csv'): Promise<RegisteredVersion> {
  using index = await CatalogIndex.open(place().folder);
  await using files = new StoredVersions(place(), systemClock);
  const env = { SECRET: database.access.password ?? '' };
  const input = openDatabaseInput(named(database, more), undefined, env, systemClock);
  const target = { kind: 'named', name: 'rows' } as const;
  const options = { index, files, target, ...input, format, compression: 'none', clock: systemClock } as const;
  return await addDataset(options, never);
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => findSluiceError(thrown),
  );
  return `${error?.code}: ${error?.message}`;
}

/** What a job that reads the version sees. */
async function read(version: string): Promise<{ columns: readonly Column[]; records: readonly unknown[][] }> {
  const intakeSettings = { type: 'dataset', datasetId: 'rows', datasetVersionId: version } as const;
  const job = resolveJob(
    { deployment: { id: 'd', server: predictions.url }, intakeSettings, outputSettings: { path: 'o.csv' } },
    { env: { SLUICE_STATE: join(folder, 'state') } },
  );
  if (job.intakeSettings.type !== 'dataset') throw new Error('no dataset');
  await using source = openDatasetSource(job, job.intakeSettings, systemClock);
  await source.identity(never);
  const records: unknown[][] = [];
  let columns: readonly Column[] = [];
  const limits = { rows: 100, bytes: 1_000_000, lingerMs: Number.POSITIVE_INFINITY };
  for (const split of await source.splits(never)) {
    for await (const batch of source.read(split, null, limits, never)) {
      columns = batch.schema.columns;
      records.push(...batch.records().map((record) => [...record]));
    }
  }
  return { columns, records };
}

const databases = [
  { name: 'SQLite', group: describe, make: newSqlite, missing: /no table .*nowhere/ },
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres, missing: /no table .*nowhere/ },
  { name: 'MariaDB', group: needs('mariadb'), make: () => newMariaDb(), missing: /no table .*nowhere/ },
  { name: 'H2 by JDBC', group: needs('jdbc'), make: () => newH2(), missing: /no table .*nowhere/ },
] as const;

for (const { name, group, make, missing } of databases) {
  group(`a data set of ${name}`, () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await make();
      const { quote, tableName, typeOf } = database.driver.dialect;
      const types = { id: 'integer', x: 'number', name: 'string', amount: 'decimal', day: 'date' } as const;
      for (const table of ['rows', 'empty']) {
        const fields = Object.entries(types).map(([column, type]) => {
          const declared = type === 'decimal' ? 'decimal(10,2)' : typeOf(type);
          return `${quote(column)} ${declared}${column === 'id' ? ' NOT NULL PRIMARY KEY' : ''}`;
        });
        const at = tableName({ catalog: null, schema: null, name: table });
        await database.connection.execute(`CREATE TABLE ${at} (${fields.join(', ')})`, [], never);
      }
      await insert(0, ROWS);
    });
    afterAll(() => database?.[Symbol.asyncDispose]());

    async function insert(from: number, to: number): Promise<void> {
      const rows = Array.from({ length: to - from }, (_, i) => from + i).map(
        (id) =>
          `(${id}, ${id / 2}, ${id % 5 === 0 ? 'NULL' : id % 5 === 1 ? "''" : `'n"${id}'`}, ${id}.50, '2020-01-0${1 + (id % 9)}')`,
      );
      const at = database.driver.dialect.tableName({ catalog: null, schema: null, name: 'rows' });
      await database.connection.execute(`INSERT INTO ${at} VALUES ${rows.join(', ')}`, [], never);
    }

    test('keeps rows and types as they were, whatever comes into the table', async () => {
      const first = await add(database, { table: 'rows' }, 'parquet');
      expect(first).toMatchObject({ rows: ROWS, number: 1 });
      expect(first.source).toMatch(/^table rows of \w+ \S+/);
      const column = (of: string) => first.columns.find((one) => one.name.toLowerCase() === of);
      expect(column('id')).toMatchObject({ type: 'integer', min: 0, max: ROWS - 1, distinct: ROWS, nulls: 0 });
      expect(column('name')).toMatchObject({ type: 'string', nulls: ROWS / 5, max: 'n"9' });
      // As numbers and not as texts, by which 9.5 would be the greatest.
      expect(column('amount')).toMatchObject({ min: 0.5, max: ROWS - 0.5 });
      const before = await read('1');
      expect(before.columns.map(({ type }) => type)).toEqual(first.columns.map(({ type }) => type));
      expect(before.records.map((record) => [String(record[0]), record[2]])).toEqual(
        Array.from({ length: ROWS }, (_, id) => [String(id), [null, '', `n"${id}`, `n"${id}`, `n"${id}`][id % 5]]),
      );
      await insert(ROWS, ROWS + 3);
      expect(await add(database, { table: 'rows' })).toMatchObject({ rows: ROWS + 3, number: 2 });
      expect(await read('1')).toEqual(before);
      expect((await read('2')).records).toHaveLength(ROWS + 3);
    });

    test('is refused without rows or without a table, each in words of its own', async () => {
      expect(await refusal(add(database, { table: 'empty' }))).toMatch(/^INTAKE_EMPTY: table empty of .* has no rows/);
      const { quote, tableName } = database.driver.dialect;
      const query = `SELECT * FROM ${tableName({ catalog: null, schema: null, name: 'rows' })} WHERE ${quote('id')} < 0;`;
      expect(await refusal(add(database, { query }))).toMatch(/^INTAKE_EMPTY: query SELECT .* has no rows/);
      expect(await refusal(add(database, { table: 'nowhere' }))).toMatch(missing);
      using index = await CatalogIndex.open(place().folder);
      expect(index.list()).toEqual([]);
    });
  });
}

describe('sluice catalog add of a database', () => {
  test('is listed, shown and scored, and a job that names the first version reads what it was', async () => {
    const { DatabaseSync } = await import('node:sqlite');
    using database = new DatabaseSync(join(folder, 'rows.db'));
    database.exec('CREATE TABLE rows (x REAL, id TEXT, flag INTEGER)');
    database.exec("INSERT INTO rows VALUES (1.5, 'a', 1), (2.5, 'b', 0), (7, 'c', 1)");
    const source = ['catalog', 'add', 'rows', `jdbc:sqlite:${join(folder, 'rows.db')}`];
    const query = 'SELECT x, id\nFROM rows\nWHERE flag = 1 ORDER BY id';
    const added = await command([...source, '--query', query, '--format', 'parquet']);
    expect(added).toMatchObject({ code: 0, stderr: '' });
    expect(added.stdout).toMatch(/^rows: version 1 \([0-9a-f]{24}\), 2 rows, 2 columns\n$/);
    database.exec('UPDATE rows SET x = 100 + x');
    expect((await here([...source, '--query', query])).stdout).toMatch(/^rows: version 2 /);
    const shown = await here(['catalog', 'show', 'rows', '1']);
    expect(shown.stdout).toMatch(
      / from query SELECT x, id FROM rows WHERE flag = 1 ORDER BY id of sqlite \S+\/rows\.db\n/,
    );
    expect(shown.stdout).toMatch(/\nx +number +0 +2 +1\.5 +7 +4\.25\n/);
    const job = {
      deployment: { id: 'd', server: predictions.url },
      intakeSettings: { type: 'dataset', datasetId: 'rows', datasetVersionId: '1' },
      outputSettings: { path: 'scored.csv' },
      passthroughColumns: ['id'],
    };
    writeFileSync(join(folder, 'job.json'), JSON.stringify(job));
    expect(await command(['run', 'job.json', '--quiet'])).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, 'scored.csv'), 'utf8')).toBe('y_PREDICTION,id\n3,a\n14,c\n');
  }, 60_000);

  test.each([
    [['jdbc:sqlite:a.db'], /Which rows of the database\? --table or --query/],
    [['jdbc:sqlite:a.db', '--table', 'a', '--query', 'SELECT 1'], /--query: .*beside table/],
    [['a.csv', '--table', 'a'], /--table is for databases/],
    [['jdbc:sqlite:a.db', '--table', 'a', '--delimiter', ';'], /--delimiter is for files/],
    [['--data-store-id', 'w', '--table', 'a'], /--data-store-id: .*no configuration was given/],
    [['jdbc:sqlite:a.db?password=${NOT_SET}', '--table', 'a'], /CONFIG_VARIABLE: SOURCE: NOT_SET is not set/],
    [
      ['jdbc:sqlite:a.db', '--table', 'a', '--user', 'me', '--password-env', 'hunter-2'],
      /takes the name of a variable/,
    ],
    [[], /SOURCE is missing/],
  ])('%j is refused', async (args, words) => {
    const { code, stderr } = await here(['catalog', 'add', 'rows', ...args]);
    expect(stderr).toMatch(words);
    expect(stderr).not.toContain('hunter-2');
    expect(code).toBe(2);
  });
});

needs('postgres')('the commands with a PostgreSQL of the configuration', () => {
  test('keep its table, check what was written to it, and show its password nowhere', async () => {
    await using database = await newPostgres();
    const { access, connection } = database;
    await connection.execute('CREATE SCHEMA "in.put"', [], never);
    await connection.execute('CREATE TABLE "in.put".rows (x float8, id text)', [], never);
    await connection.execute('INSERT INTO "in.put".rows SELECT i, \'r\' || i FROM generate_series(1, 5) i', [], never);
    const password = access.password!;
    const env = { DATABASE_URL: access.jdbcUrl, DATABASE_PASSWORD: password, WRONG: 'wrong-secret' };
    writeFileSync(
      join(folder, 'sluice.yaml'),
      `dataStores: { warehouse: { jdbcUrl: "\${DATABASE_URL}", credentialId: owner } }
credentials: { owner: { user: ${access.user}, password: "\${DATABASE_PASSWORD}" }, none: { user: nobody, password: "\${WRONG}" } }\n`,
    );
    const store = ['--config', join(folder, 'sluice.yaml'), '--data-store-id', 'warehouse'];
    const said: string[] = [];
    const run = async (how: typeof here, ...args: readonly string[]): Promise<number | null> => {
      const { code, stdout, stderr } = await how(args, env);
      said.push(`${stdout}${stderr}`);
      return code;
    };
    expect(await run(here, 'catalog', 'add', 'rows', ...store, '--table', '"in.put".rows', '--json')).toBe(0);
    expect(said.at(-1)).toContain('table in.put.rows of data store warehouse, ');
    expect(
      await run(here, 'catalog', 'add', 'rows', ...store, '--table', '"in.put".rows', '--credential-id', 'none'),
    ).toBe(1);
    expect(said.at(-1)).toMatch(/DATABASE_ACCESS: PostgreSQL at .* refuses/);
    const { user, jdbcUrl } = access;
    const open = `${jdbcUrl}?user=${user}&password=\${DATABASE_PASSWORD}`;
    expect(await run(here, 'catalog', 'add', 'one', open, '--query', 'SELECT 1 AS one', '--json')).toBe(0);
    expect(said.at(-1)).toContain('query SELECT 1 AS one of postgresql ');
    const job = {
      deployment: { id: 'd', server: predictions.url },
      intakeSettings: { type: 'dataset', datasetId: 'rows' },
      outputSettings: {
        type: 'jdbc',
        jdbcUrl,
        credentials: { user, password: '${DATABASE_PASSWORD}' },
        table: 'scored',
        statementType: 'create_table',
      },
    };
    writeFileSync(join(folder, 'job.json'), JSON.stringify(job));
    expect(await run(command, 'run', 'job.json', '--quiet')).toBe(0);
    const address = [jdbcUrl, '--user', user!, '--password-env', 'DATABASE_PASSWORD', '--table'];
    expect(await run(here, 'verify', ...address, 'public.scored')).toBe(0);
    expect(said.at(-1)).toMatch(/^public\.scored at \S+: whole\. 5 rows scored, 0 failed, 0 skipped.*, in 1 run\n/);
    expect(said.at(-1)).toMatch(/\n {2}checked: 5 rows counted in all\n {2}not checked: what the rows hold/);
    await connection.execute('DELETE FROM scored WHERE "y_PREDICTION" = 2', [], never);
    expect(await run(command, 'verify', ...store, '--table', 'scored')).toBe(3);
    expect(said.at(-1)).toMatch(/VERIFY_FAILED: .*public\.scored has 4 rows, .*written 5: 1 is missing/);
    expect(await run(here, 'verify', jdbcUrl, '--user', user!, '--password-env', 'WRONG', '--table', 'scored')).toBe(1);
    expect(said.at(-1)).toMatch(/DATABASE_ACCESS/);
    expect(await run(here, 'verify', jdbcUrl)).toBe(2);
    const state = join(folder, 'state');
    const kept = (readdirSync(state, { recursive: true }) as string[])
      .map((file) => join(state, file))
      .filter((file) => statSync(file).isFile())
      .map((file) => readFileSync(file, 'latin1'));
    expect(kept.join()).toContain('data store warehouse');
    for (const secret of [password, 'wrong-secret']) expect([...said, ...kept].join()).not.toContain(secret);
  }, 60_000);
});
