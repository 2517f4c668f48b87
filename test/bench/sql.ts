/**
 * Reading and writing a table of PostgreSQL beside bare COPY of the same rows: `npm exec -- node test/bench/sql.ts [rows] [rounds] [postgres|mariadb|jdbc]`. The
 * server is that of the tests (SLUICE_TEST_POSTGRES, or one that is started), so its work is in all figures, and ratios of one run are
 * what counts. SQLite, which has no COPY, is shown beside.
 */

import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createConnection } from 'mysql2';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
import { createSqlSink } from '../../connectors/sql/sql-sink.ts';
import { createSqlSource } from '../../connectors/sql/sql-source.ts';
import { schemaOf } from '../../src/core/schema.ts';
import type { ScoredBatch } from '../../src/core/scored-batch.ts';
import { plainOutput } from '../acceptance/sql-output.ts';
import { postgresDatabase } from '../support/services/postgres.ts';
import { newH2, newMariaDb, newPostgresByJdbc, newSqlite } from '../support/sql-databases.ts';

const ROWS_PER_BATCH = 5_000;
const COMMIT_BYTES = 64_000_000;
const LIMITS = { rows: 5_000, bytes: 1_000_000, lingerMs: 100 };
const { signal } = new AbortController();
const names = [
  'id',
  'prediction',
  'day',
  'origin',
  'destination',
  'carrier',
  'delay',
  'distance',
  'a',
  'b',
  'c',
  'd',
  'note',
];
const types =
  'bigint, double precision, date, text, text, text, double precision, double precision, integer, integer, integer, integer, text';
const columns = types.split(', ').map((type, at) => `${names[at]} ${type}`);

const [rowsGiven = '1000000', roundsGiven = '3', which = 'postgres'] = process.argv.slice(2);
const benches: Readonly<Record<string, typeof main>> = { postgres: main, mariadb: mariaDb, jdbc };
await benches[which]!(Number(rowsGiven), Number(roundsGiven));
process.exit(0);

/** Beside bare LOAD DATA LOCAL of the same bytes (in a form that has no nulls to tell), and a bare streaming SELECT of the library. */
async function mariaDb(rows: number, rounds: number): Promise<void> {
  const database = await newMariaDb();
  const { host, pathname, port } = new URL(database.access.jdbcUrl.replace('jdbc:', ''));
  const { user, password } = database.access;
  const bareConnection = createConnection({
    host: host.replace(/:.*/, ''),
    port: Number(port),
    user: user!,
    password: password!,
    database: pathname.slice(1),
    charset: 'utf8mb4',
    flags: ['+LOCAL_FILES'],
  });
  const batches = batchesOf(rows);
  const run = (sql: string, more: object = {}): Promise<void> =>
    new Promise((resolve, reject) => {
      bareConnection.query({ sql, ...more }, (error) => (error ? reject(error) : resolve()));
    });
  const load = (table: string): Promise<void> =>
    run(
      `load data local infile 'rows' into table ${table} fields terminated by ',' optionally enclosed by '"' escaped by ''`,
      {
        infileStreamFactory: () => Readable.from(batches.map(({ output }) => Buffer.from(output.bytes))),
      },
    );
  const fresh = async (): Promise<void> => {
    await run('drop table if exists target, sluice_ledger, sluice_dead_letters');
    await run(`create table target (${columns.join(', ')})`);
  };
  const select = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const query = bareConnection.query({ sql: 'select * from source order by id', rowsAsArray: true });
      const stream = query.stream();
      let seen = 0;
      stream.on('data', () => (seen += 1));
      stream.once('error', reject);
      stream.once('end', () => (seen === rows ? resolve() : reject(new Error(`${seen} rows`))));
    });
  await run(`create table source (${columns.join(', ')}, primary key (id))`);
  await load('source');
  for (let round = 0; round < rounds; round += 1) {
    const bare = await timed(select);
    const ours = await timed(() => readAll(database.access, 'source', rows));
    say('MariaDB in', rows, { bare, ours });
  }
  for (let round = 0; round < rounds; round += 1) {
    await fresh();
    const bare = await timed(() => load('target'));
    await fresh();
    const ours = await timed(() => writeAll(database.access, batches, false));
    say('MariaDB out', rows, { bare, ours });
  }
}

/** H2 and PostgreSQL by their JDBC drivers, for which there is nothing bare to compare with. */
async function jdbc(rows: number, rounds: number): Promise<void> {
  const batches = batchesOf(rows);
  for (const make of [() => newH2(), newPostgresByJdbc]) {
    for (let round = 0; round < rounds; round += 1) {
      await using database = await make();
      const written = await timed(() => writeAll(database.access, batches, false));
      const read = await timed(() => readAll(database.access, 'target', rows));
      say(`${database.driver.product} by JDBC out`, rows, { ours: written });
      say(`${database.driver.product} by JDBC in`, rows, { ours: read });
    }
  }
}

async function main(rows: number, rounds: number): Promise<void> {
  await using database = await postgresDatabase();
  const { client, jdbcUrl, user, password } = database;
  const access: SqlAccess = { jdbcUrl, user, password, connectMs: 5000, fetchSize: null, jars: [], driverClass: null };
  const batches = batchesOf(rows);
  const bytes = batches.reduce((sum, { output }) => sum + output.bytes.length, 0);
  console.log(`${rows} rows of ${names.length} columns, ${(bytes / 1e6).toFixed(0)} MB`);
  await client.query(`CREATE TABLE source (${columns.join(', ')}, PRIMARY KEY (id))`);
  await copyIn('source');
  await client.query('ANALYZE source');

  for (let round = 0; round < rounds; round += 1) {
    const bare = await timed(copyOut);
    const ours = await timed(() => readAll(access, 'source', rows));
    say('PostgreSQL in', rows, { bare, ours });
  }
  for (let round = 0; round < rounds; round += 1) {
    await fresh();
    const bare = await timed(() => copyIn('target'));
    await fresh();
    const ours = await timed(() => writeAll(access, batches, false));
    await fresh();
    const staged = await timed(() => writeAll(access, batches, true));
    say('PostgreSQL out', rows, { bare, ours, staged });
  }
  await using sqlite = await newSqlite();
  const written = await timed(() => writeAll(sqlite.access, batches, false));
  const read = await timed(() => readAll(sqlite.access, 'target', rows));
  say('SQLite out', rows, { ours: written });
  say('SQLite in', rows, { ours: read });

  async function fresh(): Promise<void> {
    await client.query('DROP TABLE IF EXISTS target, sluice_ledger, sluice_dead_letters');
    await client.query(`CREATE TABLE target (${columns.join(', ')})`);
    await client.query('CHECKPOINT');
  }

  async function copyIn(table: string): Promise<void> {
    await client.query('BEGIN');
    const chunks = batches.map(({ output }) => output.bytes);
    await pipeline(Readable.from(chunks), client.query(copyFrom(`COPY ${table} FROM STDIN WITH (FORMAT csv)`)));
    await client.query('COMMIT');
  }

  async function copyOut(): Promise<void> {
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
    await pipeline(client.query(copyTo('COPY source TO STDOUT WITH (FORMAT csv)')), sink);
  }
}

interface Timed {
  readonly seconds: number;
  readonly cpu: number;
}

async function timed(work: () => Promise<void>): Promise<Timed> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

function say(what: string, rows: number, cases: Readonly<Record<string, Timed>>): void {
  const { bare } = cases;
  const parts = Object.entries(cases).map(([name, { seconds, cpu }]) => {
    const share = bare === undefined || name === 'bare' ? '' : `, ${((100 * bare.seconds) / seconds).toFixed(0)} %`;
    return `${name} ${(rows / seconds / 1000).toFixed(0)} k rows/s (${cpu.toFixed(2)} CPU-s${share})`;
  });
  console.log(`${what}: ${parts.join(', ')}`);
}

async function readAll(access: SqlAccess, table: string, rows: number): Promise<void> {
  await using source = createSqlSource({
    access,
    intake: {
      table: { catalog: null, schema: null, name: table },
      query: null,
      keyColumns: table === 'source' ? [] : ['id'],
      rangeRows: 1_000_000,
      connections: 2,
      aheadBytes: 32 * 1024 * 1024,
    },
  });
  await source.identity(signal);
  let read = 0;
  for (const split of await source.splits(signal)) {
    for await (const batch of source.read(split, null, LIMITS, signal)) {
      read += batch.rows;
      batch.release();
    }
  }
  if (read !== rows) throw new Error(`${read} rows of ${rows} were read`);
}

async function writeAll(access: SqlAccess, batches: readonly ScoredBatch[], atOnce: boolean): Promise<void> {
  const table = { catalog: null, schema: null, name: 'target' };
  await using sink = createSqlSink({
    access,
    output: { ...plainOutput, table, atOnce, chunkBytes: 4 * 1024 * 1024 },
  });
  const job = { bench: 'sql' };
  await sink.open(job, signal);
  const schema = schemaOf(names);
  let uncommitted = 0;
  for (const batch of batches) {
    await sink.write(batch, schema, signal);
    uncommitted += batch.output.bytes.length;
    if (uncommitted < COMMIT_BYTES) continue;
    await sink.commit(signal);
    uncommitted = 0;
  }
  const read = batches.reduce((sum, { tally }) => sum + tally.read, 0);
  const tally = { read, scored: read, failed: 0, skipped: 0 };
  const facts = { version: 1, job, tally, model: null, intakeBytes: 0, finished: new Date().toISOString() } as const;
  const manifest = await sink.publish(facts, schema, signal);
  if (manifest.objects[0]?.records !== read)
    throw new Error(`${manifest.objects[0]?.records} rows of ${read} were written`);
}

function batchesOf(rows: number): ScoredBatch[] {
  const schema = schemaOf(names);
  const batches: ScoredBatch[] = [];
  for (let from = 0; from < rows; from += ROWS_PER_BATCH) {
    const count = Math.min(ROWS_PER_BATCH, rows - from);
    const lines = Array.from({ length: count }, (_, i) => {
      const id = from + i;
      const day = `2001-${String(1 + (id % 12)).padStart(2, '0')}-${String(1 + (id % 28)).padStart(2, '0')}`;
      return `${id},${((id * 7919) % 100_003) / 1000},${day},ORD,LAX,carrier ${id % 20},${(id % 300) - 40}.5,${id % 3000},${id % 7},${id % 11},${id % 13},${id % 17},"a note, with a comma ${id % 1000}"\n`;
    });
    let length = 0;
    const ends = Uint32Array.from(lines, (line) => (length += line.length));
    batches.push({
      sequence: batches.length,
      through: { split: 'bench', after: from + count },
      intake: schema,
      output: { schema, bytes: Buffer.from(lines.join('')), ends },
      tally: { read: count, scored: count, failed: 0, skipped: 0 },
      deadLetters: [],
      intakeBytes: length,
      badBytes: 0,
      model: null,
    });
  }
  return batches;
}
