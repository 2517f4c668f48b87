import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { SqlOutput } from '../../connectors/sql/sql-output.ts';
import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
import { createSqlSink } from '../../connectors/sql/sql-sink.ts';
import { decodeRecord } from '../../src/core/canonical-csv.ts';
import type { Manifest } from '../../src/core/ledger.ts';
import type { Sink } from '../../src/core/sink.ts';
import {
  type DyingMoment,
  type DyingSinkPlace,
  type OpenSinkPlace,
  type PublishedLetter,
  type PublishedOutput,
  type SinkDriver,
  SinkPlan,
  type SinkPlanSize,
} from '../../src/testing.ts';
import { endings, killEvery } from '../support/effort.ts';
import { endOfRun } from '../support/end-of-run.ts';
import type { TestDatabase } from '../support/sql-databases.ts';
import { tableNames } from './sql-intake.ts';

const CHILD = join(import.meta.dirname, 'killed-sql-sink-child.ts');
const TABLE = { catalog: null, schema: null, name: 'Scored rows' };
const signal = new AbortController().signal;

export const plainOutput: SqlOutput = {
  table: TABLE,
  statement: 'insert',
  create: 'if-missing',
  updateColumns: [],
  whereColumns: [],
  atOnce: false,
  runColumn: null,
  stateSchema: null,
  part: null,
  chunkBytes: 1000,
  overwrite: false,
  failures: { abortOnError: true, maxShare: 0.2, minRows: 1000 },
};

export function sqlSink(access: SqlAccess, output: Partial<SqlOutput>): Sink {
  return createSqlSink({ access, output: { ...plainOutput, ...output } });
}

const KILLED: SinkPlanSize = { batches: 4, rowsPerBatch: 20, padding: 0 };

/** Outputs that the whole kit can be tried with. */
interface SqlOutputs extends Omit<SinkDriver, 'place'> {
  place(): Promise<DyingSinkPlace & OpenSinkPlace>;
}

/** How rows come to be in a table. */
export const outputForms = {
  'whose rows come at once': { atOnce: true },
  'whose rows come by and by': { atOnce: false },
} as const;

/** Outputs in a table that is made for them, each in a database of its own. @param every see `SinkDriver.killed`. */
export function sqlOutputs(database: () => Promise<TestDatabase>, form: Partial<SqlOutput>, every: number): SqlOutputs {
  return {
    plan: new SinkPlan({ batches: 9, rowsPerBatch: 30, padding: 10 }),
    killed: { plan: new SinkPlan(KILLED), every: killEvery(every) },
    endings,
    inPlace: form.atOnce !== true,
    sideBySide: 3,
    place: async () => sqlPlace(await database(), form),
  };
}

function sqlPlace(database: TestDatabase, form: Partial<SqlOutput>): DyingSinkPlace & OpenSinkPlace {
  const { access, driver, connection } = database;
  const { quote } = driver.dialect;
  const rows = (sql: string) => connection.query(sql, [], signal);
  const isThere = async (name: string): Promise<boolean> =>
    (await connection.describeTable({ ...TABLE, name }, signal)) !== null;
  const ledger = async (state: string) =>
    (await isThere('sluice_ledger'))
      ? await rows(
          `SELECT ${quote('run')}, ${quote('manifest')} FROM ${quote('sluice_ledger')} WHERE ${quote('state')} = '${state}'`,
        )
      : [];
  const stage = async (): Promise<string | null> => {
    const names = (await tableNames(database)).filter((name) => name.startsWith('sluice_stage'));
    return names[0] ?? null;
  };
  return {
    sink: ({ overwrite }) => sqlSink(access, { ...form, overwrite }),
    async published() {
      const finished = await ledger('finished');
      if (finished.length === 0) return null;
      if (finished.length > 1) throw new Error(`${finished.length} finished runs`);
      const [run, manifest] = finished[0]!;
      // Where a schema is a database its name stands in the manifest, and each place has another one.
      const isDatabase = driver.product === 'MariaDB';
      const own = isDatabase ? await connection.currentSchema?.(signal) : null;
      const text = typeof own === 'string' ? String(manifest).replaceAll(own, 'database') : String(manifest);
      return await readOutput(database, String(run), JSON.parse(text) as Manifest);
    },
    async leftovers() {
      const [open, finished, staged] = [await ledger('open'), await ledger('finished'), await stage()];
      const table = await isThere(TABLE.name);
      const locks = (await isThere('sluice_lock')) ? await rows('SELECT name FROM sluice_lock') : [];
      return [
        ...open.map(([run]) => `the ledger of ${String(run)}`),
        ...(staged === null ? [] : [staged]),
        ...(table && finished.length === 0 ? ['the table'] : []),
        ...locks.map(([name]) => `a lock for ${String(name)}`),
      ];
    },
    async spoil() {
      const name = quote((await stage())!);
      const number = quote('sluice_row');
      await connection.execute(
        `DELETE FROM ${name} WHERE ${number} = (SELECT MAX(${number}) FROM ${name})`,
        [],
        signal,
      );
    },
    killedRun: (size, operation) => killedRun(access, form, size, operation),
    async diedRun(moment) {
      if ((await killedRun(access, form, KILLED, moment)) !== 'killed') throw new Error('the run did not die');
    },
    secrets: [access.password].filter((password) => password !== null && password !== '') as readonly string[],
    async contents() {
      const tables = (await tableNames(database)).map(async (name) => {
        const found = await rows(`SELECT * FROM ${quote(name)}`);
        return `${name}\n${found.map((row) => row.map(String).join('\n')).join('\n')}`;
      });
      return await Promise.all(tables);
    },
    close: async () => database[Symbol.asyncDispose](),
  };
}

async function killedRun(
  access: SqlAccess,
  form: Partial<SqlOutput>,
  size: SinkPlanSize,
  operation: number | DyingMoment,
): Promise<'killed' | 'finished'> {
  const setup = JSON.stringify({ access, form, size, operation });
  return await endOfRun(fork(CHILD, [setup], { stdio: 'inherit' }));
}

async function readOutput(
  { connection, driver }: TestDatabase,
  run: string,
  manifest: Manifest,
): Promise<PublishedOutput> {
  const found = await connection.describeTable(TABLE, signal);
  const columns = found!.columns;
  const read = { from: { table: TABLE }, columns, where: null, orderBy: ['id'] };
  const chunks: Buffer[] = [];
  for await (const chunk of connection.read(read, signal)) chunks.push(Buffer.from(chunk));
  const { quote, parameter } = driver.dialect;
  const letters = await connection.query(
    `SELECT ${quote('letter')} FROM ${quote('sluice_dead_letters')} WHERE ${quote('run')} = ${parameter(1)} ORDER BY ${quote('number')}`,
    [run],
    signal,
  );
  return {
    columns: columns.map(({ name }) => name),
    records: recordsOf(Buffer.concat(chunks)),
    deadLetters: letters.map(([line]) => JSON.parse(String(line)) as PublishedLetter),
    manifest,
  };
}

/** Records of canonical CSV. */
export function recordsOf(bytes: Uint8Array): (string | null)[][] {
  const records: (string | null)[][] = [];
  let start = 0;
  let quoted = false;
  for (const [at, byte] of bytes.entries()) {
    if (byte === 0x22) quoted = !quoted;
    if (byte !== 0x0a || quoted) continue;
    records.push(decodeRecord(bytes, start, at + 1));
    start = at + 1;
  }
  return records;
}
