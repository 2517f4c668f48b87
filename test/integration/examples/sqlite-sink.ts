import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as sdk from 'sluice/sdk';

/** Scored rows in a SQLite file: lines of runs, of which the one with a manifest is the output, and the one without is under way. */
export function createSqliteSink(file: string, options: { readonly overwrite: boolean }): sdk.Sink {
  let open: { readonly db: DatabaseSync; readonly lock: DatabaseSync } | undefined;
  const assertFolder = (): void => {
    if (existsSync(dirname(file))) return;
    throw new sdk.SluiceError(
      'OUTPUT_UNWRITABLE',
      `There is no folder ${dirname(file)}. Create it, or correct the path.`,
    );
  };
  const finished = (db: DatabaseSync): boolean =>
    db.prepare('SELECT 1 FROM runs WHERE manifest IS NOT NULL').get() !== undefined;
  const underWay = (db: DatabaseSync): number =>
    Number(
      (
        db.prepare('SELECT id FROM runs WHERE manifest IS NULL').get() ??
        db.prepare('INSERT INTO runs DEFAULT VALUES RETURNING id').get()!
      ).id,
    );
  const store: sdk.TransactionalStore = {
    name: file,
    take: async () => {
      assertFolder();
      open = { db: new DatabaseSync(file), lock: new DatabaseSync(`${file}.lock`) };
      try {
        // Held until it is closed, or until the process is gone.
        open.lock.exec('BEGIN EXCLUSIVE');
      } catch (cause) {
        throw new sdk.SluiceError('OUTPUT_LOCKED', `${file} is being written by another run. Wait for it.`, { cause });
      }
      open.db.exec(`PRAGMA journal_mode = WAL;
        CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, note TEXT, manifest TEXT);
        CREATE TABLE IF NOT EXISTS lines (run INTEGER REFERENCES runs ON DELETE CASCADE, role TEXT, line TEXT);`);
      const run = open.db.prepare('SELECT note FROM runs WHERE manifest IS NULL').get();
      return { note: JSON.parse(String(run?.note ?? null)) as sdk.Json, isFinished: finished(open.db) };
    },
    append: async ({ rows, deadLetters }, note) => {
      const { db } = open!;
      db.exec('BEGIN');
      const run = underWay(db);
      db.prepare('UPDATE runs SET note = ? WHERE id = ?').run(JSON.stringify(note), run);
      const insert = db.prepare('INSERT INTO lines VALUES (?, ?, ?)');
      for (const line of rows) insert.run(run, 'rows', line);
      for (const line of deadLetters) insert.run(run, 'deadLetters', line);
      db.exec('COMMIT');
    },
    *lines(role) {
      const lines = open!.db.prepare(
        'SELECT line FROM lines JOIN runs ON id = run WHERE manifest IS NULL AND role = ? ORDER BY lines.rowid',
      );
      for (const { line } of lines.iterate(role)) yield String(line);
    },
    publish: async (manifest) => {
      const { db } = open!;
      db.exec('BEGIN');
      const run = underWay(db);
      db.prepare('UPDATE runs SET manifest = ? WHERE id = ?').run(JSON.stringify(manifest), run);
      db.prepare('DELETE FROM runs WHERE id <> ?').run(run);
      db.exec('COMMIT');
    },
    forget: async () => open!.db.exec('DELETE FROM runs WHERE manifest IS NULL'),
    check: async () => {
      assertFolder();
      if (!existsSync(file)) return { isFinished: false };
      using db = new DatabaseSync(file, { readOnly: true });
      return { isFinished: finished(db) };
    },
    close: async () => {
      open?.db.close();
      open?.lock.close();
      open = undefined;
    },
  };
  return sdk.createTransactionalSink(store, options);
}
