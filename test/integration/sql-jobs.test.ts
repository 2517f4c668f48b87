import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sqlDriver } from '../../connectors/sql/sql-drivers.ts';
import { findSluiceError } from '../../src/core/error.ts';
import { type JobInput, runJob } from '../../src/index.ts';
import { loadConfiguration } from '../../src/jobs/configuration.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { atRunTime } from '../../src/jobs/run-time.ts';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { sluice, startSluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { jdbcDrivers } from '../support/services/jdbc-drivers.ts';
import { mariaDbDatabase } from '../support/services/mariadb.ts';
import { needs } from '../support/services/needs.ts';
import { type PostgresDatabase, postgresDatabase } from '../support/services/postgres.ts';
import { until } from '../support/until.ts';

const root = join(import.meta.dirname, '../..');
const ROWS = 3_000;

let folder = '';
let server: PredictionServer;
let models: ModelServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-sql-jobs-'));
  cpSync(join(root, 'config'), join(folder, 'config'), { recursive: true });
  mkdirSync(join(folder, 'work'));
  server = await PredictionServer.start();
  models = await startModelServer({ models: join(root, 'models'), port: 0 });
});
afterAll(async () => {
  await models.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(
    () => null,
    (thrown: unknown) => findSluiceError(thrown),
  );
  return `${error?.code}: ${error?.message}`;
}

function run(name: string, env: Readonly<Record<string, string>> = {}, more: readonly string[] = []) {
  return sluice(['run', `config/examples/${name}.yaml`, ...more], {
    cwd: folder,
    env: { PREDICTION_SERVER: models.url, PREDICTION_TOKEN: '', ...env },
  });
}

describe('the examples with SQLite', () => {
  test('file-to-sqlite and then sqlite-update run as they stand', async () => {
    const { DatabaseSync } = await import('node:sqlite');
    const made = await run('file-to-sqlite');
    expect(made.stderr).toMatch(/table flights: \d+ rows scored/);
    expect(made.code).toBe(0);
    using database = new DatabaseSync(join(folder, 'work/flights.db'));
    const long = 'SELECT count(*) AS n, sum(delay_PREDICTION) AS sum FROM flights WHERE distance > 500';
    const short = long.replace('>', '<=');
    const [before, kept] = [database.prepare(long).get(), database.prepare(short).get()];
    const again = await run('file-to-sqlite');
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/OUTPUT_EXISTS.*--overwrite/s);
    database.exec('UPDATE flights SET distance = distance + 400 WHERE distance > 500');
    const updated = await run('sqlite-update');
    expect(updated.stderr).toMatch(/rows scored/);
    expect(updated.code).toBe(0);
    expect(database.prepare(short).get()).toEqual(kept);
    const after = database.prepare(long).get();
    expect(after?.n).toBe(before?.n);
    expect(after?.sum).not.toBe(before?.sum);
  });
});

needs('jdbc')('the example with H2', () => {
  test('file-to-h2 runs as it stands, into a database that lives in a file', async () => {
    const { code, stderr } = await run('file-to-h2', { JDBC_DRIVERS: await jdbcDrivers() });
    expect(stderr).toMatch(/rows scored/);
    expect(code).toBe(0);
    const driver = await sqlDriver({
      jdbcUrl: `jdbc:h2:${join(folder, 'work/flights')}`,
      user: 'sa',
      password: '',
      connectMs: 5000,
      fetchSize: null,
      jars: [await jdbcDrivers()],
      driverClass: null,
    });
    await using connection = await driver.connect(new AbortController().signal);
    const rows = readFileSync(join(root, 'config/examples/flights.csv'), 'utf8').trimEnd().split('\n').length - 1;
    const counted = 'SELECT COUNT("delay_PREDICTION") FROM "flights"';
    expect(await connection.query(counted, [], new AbortController().signal)).toEqual([[rows]]);
  });
});

needs('mariadb')('the example with MariaDB', () => {
  test('mariadb runs as it stands, and again over what it wrote', async () => {
    await using place = await mariaDbDatabase();
    const { host, port, database, user, password, connection } = place;
    const lines = readFileSync(join(root, 'config/examples/flights.csv'), 'utf8').trimEnd().split('\n');
    const columns = lines[0]!
      .split(',')
      .map((name) => `\`${name}\` varchar(40)${name === 'flight_id' ? ' primary key' : ''}`);
    await connection.query(`create table flights (${columns.join(', ')})`);
    for (const line of lines.slice(1)) await connection.query('insert into flights values (?)', [line.split(',')]);
    const env = {
      MARIADB_URL: `jdbc:mariadb://${host}:${port}/${database}`,
      MARIADB_USER: user,
      MARIADB_PASSWORD: password,
    };
    for (const more of [[], ['--overwrite']]) {
      const { code, stderr } = await run('mariadb', env, more);
      expect(stderr).toMatch(/rows scored/);
      expect(stderr).not.toContain(password);
      expect(code).toBe(0);
      const [found] = await connection.query('select count(*), count(delay) from flights_scored');
      expect(Object.values((found as unknown as readonly object[])[0]!)).toEqual([lines.length - 1, lines.length - 1]);
    }
  });
});

needs('postgres')('a job in PostgreSQL', () => {
  let place: PostgresDatabase;
  beforeAll(async () => {
    place = await postgresDatabase();
    await place.client.query('CREATE TABLE rows (id integer PRIMARY KEY, x double precision, name text)');
    await place.client.query(`INSERT INTO rows SELECT i, i, 'r' || i FROM generate_series(0, ${ROWS - 1}) AS i`);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  function jdbc() {
    const { jdbcUrl, user, password } = place;
    return { type: 'jdbc', jdbcUrl, credentials: { user, password } } as const;
  }

  function jobOf(intake: object, output: object): JobInput {
    return {
      deployment: { id: 'd', server: server.url },
      intakeSettings: { ...jdbc(), ...intake },
      outputSettings: { ...jdbc(), statementType: 'insert', ...output } as JobInput['outputSettings'],
      passthroughColumns: ['id', 'name'],
      chunkRows: 100,
    };
  }

  async function scored(table: string): Promise<unknown[][]> {
    const { rows } = await place.client.query({
      text: `SELECT id::int, "y_PREDICTION"::float8, name FROM ${table} ORDER BY id`,
      rowMode: 'array',
    });
    return rows as unknown[][];
  }

  const wanted = Array.from({ length: ROWS }, (_, i) => [i, 2 * i, `r${i}`]);

  test('the example runs as it stands, twice with --overwrite', async () => {
    await using database = await postgresDatabase();
    const { host, port, user, password, client } = database;
    const text = readFileSync(join(root, 'config/examples/flights.csv'));
    await client.query(
      'CREATE TABLE flights (flight_id int PRIMARY KEY, date timestamp, delay int, distance int, origin text, destination text)',
    );
    const copy = client.query(copyFrom('COPY flights FROM STDIN WITH (FORMAT csv, HEADER true)'));
    await new Promise((resolve, reject) => copy.on('finish', resolve).on('error', reject).end(text));
    const env = {
      POSTGRES_HOST: `${host}:${port}`,
      POSTGRES_DATABASE: database.database,
      POSTGRES_USER: user,
      POSTGRES_PASSWORD: password,
    };
    const config = ['--config', 'config/examples/deployments.yaml'];
    for (const more of [[], ['--overwrite']]) {
      const ended = await run('postgres', env, [...config, ...more]);
      expect(ended.stderr).toMatch(/table public\.flights_scored: \d+ rows scored/);
      expect(ended.stderr).not.toContain(password);
      expect(ended.code).toBe(0);
      const { rows } = await client.query(
        'SELECT count(*)::int AS n FROM flights_scored JOIN flights USING (flight_id)',
      );
      const all = await client.query('SELECT count(*)::int AS n FROM flights');
      expect(rows).toEqual(all.rows);
    }
  });

  test('reads a table and a query, and writes a table that is made with fitting types', async () => {
    const { manifest } = await runJob(
      jobOf({ table: 'rows', schema: 'public', rangeRows: 500 }, { table: 'one', createTableIfNotExists: true }),
    ).result;
    expect(manifest.tally).toEqual({ read: ROWS, scored: ROWS, failed: 0, skipped: 0 });
    expect(await scored('one')).toEqual(wanted);
    const { rows } = await place.client.query({
      text: "SELECT column_name::text, data_type::text FROM information_schema.columns WHERE table_name = 'one' ORDER BY ordinal_position",
      rowMode: 'array',
    });
    expect(rows).toEqual([
      ['y_PREDICTION', 'double precision'],
      ['id', 'integer'],
      ['name', 'text'],
    ]);
    const query = 'SELECT x, id, name FROM rows WHERE id < 10 ORDER BY name';
    await runJob(jobOf({ query }, { table: 'two', statementType: 'create_table', commitInterval: 0 })).result;
    expect(await scored('two')).toEqual(wanted.slice(0, 10));
  });

  test.each([0, 600])(
    'killed in the middle is continued by another process (commitInterval %d)',
    async (commitInterval) => {
      const file = join(folder, `job-${commitInterval}.json`);
      const table = `killed_${commitInterval}`;
      const output = { table, createTableIfNotExists: true, commitInterval: commitInterval === 0 ? 0 : 0.01 };
      writeFileSync(file, JSON.stringify({ ...jobOf({ table: 'rows', rangeRows: 1000 }, output), numConcurrent: 1 }));
      let killed = false;
      const first = startSluice(['run', file]);
      server.options = {
        respond: () => {
          if (server.requests.length < ROWS / 100 / 2) return undefined;
          if (!killed) killed = first.process.kill('SIGKILL');
          return { drop: 'before' };
        },
      };
      expect((await first.ended).code).toBeNull();
      server.options = {};
      const second = await sluice(['run', file]);
      expect(second.stderr).toMatch(new RegExp(`${ROWS.toLocaleString('en')} rows scored`));
      expect(second.code).toBe(0);
      expect(await scored(table)).toEqual(wanted);
      const { rows } = await place.client.query('SELECT state FROM sluice_ledger WHERE output = $1', [
        `public.${table}`,
      ]);
      expect(rows).toEqual([{ state: 'finished' }]);
    },
  );

  test('what the server rejects and what the table refuses become dead letters beside it', async () => {
    await place.client.query('CREATE TABLE picky ("y_PREDICTION" float8, id int CHECK (id <> 11), name varchar(5))');
    server.options = { reject: ([, x]) => (x === '7' ? 'no sevens' : null) };
    const job = jobOf({ query: 'SELECT id, x, name FROM rows WHERE id < 100', keyColumns: ['id'] }, { table: 'picky' });
    const { manifest } = await runJob(job).result;
    server.options = {};
    expect(manifest.tally).toEqual({ read: 100, scored: 98, failed: 2, skipped: 0 });
    const { rows } = await place.client.query(
      "SELECT letter::json->>'reason' AS reason FROM sluice_dead_letters WHERE output = 'public.picky' ORDER BY number",
    );
    expect(rows.map(({ reason }: { reason: string }) => reason)).toEqual([
      expect.stringContaining('no sevens'),
      expect.stringMatching(/refused.*violates check constraint/),
    ]);
  });

  test('a changed intake is refused, and one without an order cannot be continued', async () => {
    const query = 'SELECT id, x, name FROM rows';
    const job = jobOf({ query }, { table: 'stopped', createTableIfNotExists: true, commitInterval: 0.01 });
    const aborting = new AbortController();
    const durable = 'SELECT 1 FROM sluice_ledger WHERE output = $1 AND batches > 0';
    const isDurable = async (): Promise<boolean> =>
      (await place.client.query(durable, ['public.stopped'])).rows.length > 0;
    let asked = 0;
    server.options = {
      respond: () => {
        asked += 1;
        // A run that has committed nothing leaves nothing to be continued.
        if (asked !== 20) return undefined;
        return { after: until(isDurable, 'some rows are durable').then(() => aborting.abort()) };
      },
    };
    const stopped = runJob({ ...job, numConcurrent: 1 }, { signal: aborting.signal });
    await stopped.result.catch(() => undefined);
    server.options = {};
    expect(await codeOf(() => runJob(job).result)).toMatch(/INTAKE_CHANGED: .*no order.*keyColumns/);
    const other = jobOf({ query: `${query} WHERE id > 3` }, { table: 'stopped', createTableIfNotExists: true });
    expect(await codeOf(() => runJob(other).result)).toMatch(/LEDGER_OTHER_JOB.*intake/);
  });

  test.each([
    [
      { jdbcUrl: 'jdbc:postgresql://127.0.0.1:1/x', connectSeconds: 0 },
      /DATABASE_UNREACHABLE.*127\.0\.0\.1:1\/x does not answer/,
    ],
    [{ credentials: { user: 'sluice', password: 'wrong-secret' } }, /DATABASE_ACCESS.*password authentication failed/],
    [{ table: 'nowhere' }, /DATABASE_MISSING.*no table "nowhere".*Correct the name of the table/],
    [
      { table: null, query: 'SELECT nothing FROM rows' },
      /DATABASE_MISSING.*column "nothing" does not exist.*name of the column/,
    ],
    [{ table: null, query: 'SELEC x' }, /DATABASE_FAULT.*syntax error/],
    [{ keyColumns: ['idd'] }, /COLUMN_UNKNOWN: intakeSettings.keyColumns.*id, x, name/],
    [
      { keyColumns: ['half'], table: null, query: 'SELECT id / 2 AS half, x, name FROM rows' },
      /CONFIG_INVALID.*the same in two rows/,
    ],
    [
      { keyColumns: ['n'], table: null, query: 'SELECT nullif(id, 3) AS n, x, name FROM rows' },
      /CONFIG_INVALID.*is null in 1 rows/,
    ],
    [{ table: null, query: 'SELECT id, id FROM rows' }, /COLUMN_CONFLICT.*"id"/],
  ])('an intake of %j ends the job in words of its own', async (intake, words) => {
    const job = jobOf({ table: 'rows', ...intake }, { table: 'never', createTableIfNotExists: true });
    const found = await codeOf(() => runJob({ ...job, chunkRows: 25 }).result);
    expect(found).toMatch(words);
    expect(found).not.toContain('wrong-secret');
  });

  test('writing into the table that is read is refused, but for updates', async () => {
    const job = jobOf({ table: 'rows' }, { table: 'rows' });
    expect(await codeOf(() => runJob(job).result)).toMatch(/CONFIG_INVALID: outputSettings.table: .*of the intake/);
  });

  test('dead letters have no file', async () => {
    const job = { ...jobOf({ table: 'rows' }, { table: 'x' }), deadLetters: { path: 'dead.jsonl' } };
    expect(await codeOf(async () => await runJob(job).result)).toMatch(/deadLetters.path cannot .*sluice_dead_letters/);
    expect(existsSync('dead.jsonl')).toBe(false);
  });
});

const jdbc0 = { type: 'jdbc', jdbcUrl: 'jdbc:postgresql://h/d' } as const;
const file0 = { type: 'localFile', file: 'a.csv' } as const;

function resolved(intake: object, output: object): ReturnType<typeof resolveJob> {
  const deployment = { id: 'd', server: 'http://127.0.0.1' };
  return resolveJob({ deployment, intakeSettings: intake, outputSettings: output });
}

test.each([
  [{ ...jdbc0 }, 'must say what to read'],
  [{ ...jdbc0, table: 't', query: 'SELECT 1' }, 'cannot be given beside table'],
  [{ type: 'jdbc', table: 't' }, 'must say which database'],
  [{ ...jdbc0, dataStoreId: 'a', table: 't' }, 'cannot be given beside dataStoreId'],
  [{ ...jdbc0, jdbcUrl: 'postgresql://h/d', table: 't' }, 'must be a JDBC address'],
  [{ ...jdbc0, table: 't', credentialId: 'a' }, 'no configuration was given'],
])('an intake of %j is refused: %s', (intake, words) => {
  expect(() => resolved(intake, { path: 'o.csv' })).toThrow(words);
});

test.each([
  [{ table: 't' }, 'statementType'],
  [{ table: 't', statementType: 'update' }, 'whereColumns'],
  [{ table: 't', statementType: 'insert', whereColumns: ['a'] }, 'is only for update'],
  [{ table: 't', statementType: 'update', whereColumns: ['a'], updateColumns: ['a'] }, 'which is in whereColumns'],
  [{ table: 't', statementType: 'insert', commitInterval: 86_401 }, 'commitInterval'],
])('an output of %j is refused: %s', (output, words) => {
  expect(() => resolved(file0, { ...jdbc0, ...output })).toThrow(words);
});

test('statement types have both of their spellings', () => {
  const kind = (statementType: string): unknown =>
    resolved(file0, {
      ...jdbc0,
      table: 't',
      statementType,
      whereColumns: statementType.startsWith('insertU') ? ['a'] : [],
    }).outputSettings;
  expect(kind('createTable')).toMatchObject({ statementType: 'create_table' });
  expect(kind('insertUpdate')).toMatchObject({ statementType: 'insert_update' });
});

test('template variables of the query and the table are replaced by the time of the run', () => {
  const query = "SELECT * FROM t WHERE at < '{{ current_run_time }}'";
  const job = resolved(
    { ...jdbc0, query },
    { ...jdbc0, table: 's_{{ current_run_timestamp }}', statementType: 'insert' },
  );
  const { intakeSettings, outputSettings } = atRunTime(job, Date.UTC(2026, 10, 24, 1, 2, 3, 456));
  expect(intakeSettings).toMatchObject({ query: "SELECT * FROM t WHERE at < '2026-11-24T01:02:03'" });
  expect(outputSettings).toMatchObject({ table: `s_${Date.UTC(2026, 10, 24, 1, 2, 3, 456)}` });
});

test('data stores and users are found by their ID, and seen by nobody', () => {
  const text =
    'dataStores:\n' +
    '  warehouse: { jdbcUrl: "jdbc:postgresql://h/d?password=hidden-1", credentialId: owner }\n' +
    '  unset: { jdbcUrl: "${NOT_SET}" }\n' +
    'credentials:\n' +
    '  owner: { user: me, password: hidden-2 }\n' +
    '  keys: { awsAccessKeyId: a, awsSecretAccessKey: b }\n';
  const configuration = loadConfiguration('c.yaml', { env: {}, readFile: () => text });
  const job = (access: object) =>
    resolveJob(
      {
        deployment: { id: 'd', server: 'http://127.0.0.1' },
        intakeSettings: { type: 'jdbc', table: 't', ...access },
        outputSettings: { path: 'o.csv' },
      },
      { configuration },
    );
  const { intakeSettings } = job({ dataStoreId: 'warehouse' });
  if (intakeSettings.type !== 'jdbc') throw new Error('no jdbc');
  expect(intakeSettings.credentials?.user).toBe('me');
  expect(intakeSettings.credentials?.password?.reveal()).toBe('hidden-2');
  expect(intakeSettings.jdbcUrl?.reveal()).toContain('hidden-1');
  expect(JSON.stringify(job({ dataStoreId: 'warehouse' }))).not.toContain('hidden');
  expect(() => job({ dataStoreId: 'warehous' })).toThrow('did you mean "warehouse"?');
  expect(() => job({ dataStoreId: 'unset' })).toThrow('NOT_SET is not set');
  expect(() => job({ dataStoreId: 'warehouse', credentialId: 'keys' })).toThrow('no user and password');
});
