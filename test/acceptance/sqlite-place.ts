import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { decodeRecord } from '../../src/core/canonical-csv.ts';
import type { DyingSinkDriver } from '../../src/testing.ts';
import {
  type CheckDriver,
  type DifficultIntake,
  type DyingMoment,
  type DyingSinkPlace,
  type KillableSourceDriver,
  type PublishedLetter,
  type PublishedOutput,
  SinkPlan,
  type SinkPlanSize,
} from '../../src/testing.ts';
import { createSqliteSink } from '../integration/examples/sqlite-sink.ts';
import { createSqliteSource } from '../integration/examples/sqlite-source.ts';
import { endOfRun } from '../support/end-of-run.ts';

const CHILD = join(import.meta.dirname, 'sqlite-child.ts');
const KILLED = { batches: 4, rowsPerBatch: 20, padding: 0 };
const TEXTS = ['plain', 'with "quotes"', 'a, b; c', 'two\nlines', 'naïve café', ' spaced ', '', null] as const;

/** A table of 31 rows in two splits. */
export async function sqliteIntake(): Promise<KillableSourceDriver> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sqlite-'));
  const file = join(folder, 'flights.db');
  const records = Array.from({ length: 31 }, (_, i) => [String(i), TEXTS[i % TEXTS.length] ?? null, String(i / 4)]);
  fill(file, 'flights', ['id', 'text', 'x'], records, (i) => (i < 20 ? i : 30_000 + i));
  return {
    records,
    source: () => createSqliteSource(file, 'flights'),
    reader: { module: CHILD, args: ['read', file] },
    change: async () => {
      // The time of a file is not exact to the moment.
      using db = new DatabaseSync(file);
      db.exec('DELETE FROM flights WHERE id = 30');
      await utimes(file, new Date(), new Date(Date.now() + 1_000));
    },
    close: () => rm(folder, { recursive: true }),
  };
}

/** A table of the given rows. */
export async function difficultTable(rows: readonly (readonly [string, string | null])[]): Promise<DifficultIntake> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sqlite-'));
  const file = join(folder, 'difficult.db');
  fill(file, 'rows', ['id', 'value'], rows, (i) => i);
  return { source: () => createSqliteSource(file, 'rows'), close: () => rm(folder, { recursive: true }) };
}

function fill(
  file: string,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
  rowid: (index: number) => number,
): void {
  using db = new DatabaseSync(file);
  db.exec(`CREATE TABLE ${table} (${columns.map((name) => `${name} TEXT`).join(', ')})`);
  const insert = db.prepare(
    `INSERT INTO ${table} (rowid, ${columns.join(', ')}) VALUES (?${', ?'.repeat(columns.length)})`,
  );
  db.exec('BEGIN');
  for (const [index, row] of rows.entries()) insert.run(rowid(index), ...row);
  db.exec('COMMIT');
}

/** Outputs in a file each. */
export const sqliteOutputs: DyingSinkDriver = {
  plan: new SinkPlan({ batches: 9, rowsPerBatch: 30, padding: 10 }),
  killed: { plan: new SinkPlan(KILLED), every: 2 },
  place: sqlitePlace,
};

async function sqlitePlace(): Promise<DyingSinkPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sqlite-'));
  const file = join(folder, 'scored.db');
  const run = async (size: SinkPlanSize, operation: number | DyingMoment): Promise<'killed' | 'finished'> => {
    return await endOfRun(fork(CHILD, ['write', file, JSON.stringify(size), String(operation)], { stdio: 'inherit' }));
  };
  return {
    sink: ({ overwrite }) => createSqliteSink(file, { overwrite }),
    published: async () => (existsSync(file) ? readOutput(file) : null),
    leftovers: async () => {
      // The file of the lock stays, empty and held by nobody.
      const names = (await readdir(folder)).filter((name) => !['scored.db', 'scored.db.lock'].includes(name));
      if (!existsSync(file)) return names;
      using db = new DatabaseSync(file);
      const runs = db.prepare('SELECT id FROM runs WHERE manifest IS NULL').all();
      return [...names, ...runs.map(({ id }) => `run ${String(id)}`)];
    },
    spoil: async () => {
      using db = new DatabaseSync(file);
      db.exec("UPDATE lines SET line = line || ' ' WHERE rowid = (SELECT min(rowid) FROM lines WHERE role = 'rows')");
    },
    killedRun: run,
    diedRun: async (moment) => {
      if ((await run(KILLED, moment)) !== 'killed') throw new Error('the run did not die');
    },
    close: () => rm(folder, { recursive: true }),
  };
}

function readOutput(file: string): PublishedOutput | null {
  using db = new DatabaseSync(file);
  if (db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'runs'").get() === undefined) return null;
  const run = db.prepare('SELECT id, manifest FROM runs WHERE manifest IS NOT NULL').get();
  if (run === undefined) return null;
  const manifest = JSON.parse(String(run['manifest'])) as PublishedOutput['manifest'];
  const lines = (role: string): string[] =>
    db
      .prepare('SELECT line FROM lines WHERE run = ? AND role = ? ORDER BY rowid')
      .all(Number(run['id']), role)
      .map(({ line }) => String(line));
  return {
    columns: manifest.columns,
    records: lines('rows').map((line) => {
      const bytes = Buffer.from(`${line}\n`);
      return decodeRecord(bytes, 0, bytes.length);
    }),
    deadLetters: lines('deadLetters').map((line) => JSON.parse(line) as PublishedLetter),
    // Each place has its own file.
    manifest: { ...manifest, objects: manifest.objects.map((object) => ({ ...object, name: object.role })) },
  };
}

/** What can be wrong with a table that is read. */
export async function sqliteIntakeFaults(): Promise<CheckDriver> {
  const sound = await difficultTable([['1', 'a']]);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sqlite-'));
  const file = join(folder, 'some.db');
  fill(file, 'rows', ['id'], [['1']], (i) => i);
  return {
    sound: () => sound.source(),
    faults: {
      'a missing file': {
        part: () => createSqliteSource(join(folder, 'sum.db'), 'rows'),
        code: 'INTAKE_NOT_FOUND',
        says: /no file .*sum\.db/,
      },
      'a missing table': {
        part: () => createSqliteSource(file, 'row'),
        code: 'INTAKE_NOT_FOUND',
        says: /no table row in .*some\.db/,
      },
    },
    secrets: [],
    contents: () => readdir(folder),
    close: async () => {
      await sound.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** What can be wrong with a file that is written. */
export async function sqliteOutputFaults(): Promise<CheckDriver> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sqlite-'));
  const file = join(folder, 'there.db');
  {
    using db = new DatabaseSync(file);
    db.exec("CREATE TABLE runs (id, note, manifest); INSERT INTO runs VALUES (1, '{}', '{}')");
  }
  const sink = (path: string) => () => createSqliteSink(path, { overwrite: false });
  return {
    sound: sink(join(folder, 'new.db')),
    faults: {
      'a missing folder': {
        part: sink(join(folder, 'no/new.db')),
        code: 'OUTPUT_UNWRITABLE',
        says: /no folder .*no\. Create it/,
      },
      'a finished output': { part: sink(file), code: 'OUTPUT_EXISTS', says: /there\.db holds a finished output/ },
    },
    secrets: [],
    contents: () => readdir(folder),
    close: () => rm(folder, { recursive: true }),
  };
}
