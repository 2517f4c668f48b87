import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { livenessOf, messageOf, SluiceError, thisProcess, type WritingProcess } from '../../src/sdk.ts';
import type { ColumnProfile } from './column-statistics.ts';

/** A version as the registry has it. */
export interface RegisteredVersion {
  readonly datasetId: string;
  readonly versionId: string;
  readonly name: string;
  /** From 1, in the order in which the versions of a dataset were begun. */
  readonly number: number;
  /** ISO 8601, UTC. */
  readonly created: string;
  /** Where the rows came from, for people. */
  readonly source: string;
  /** The file: a path relative to the folder of the catalog, or an address of S3. */
  readonly location: string;
  /** What the name of the file ends in: `csv`, `csv.gz`. */
  readonly ending: string;
  readonly rows: number;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  readonly columns: readonly ColumnProfile[];
  readonly isLatest: boolean;
}

/** A version that is being written. */
export type BegunVersion = Pick<RegisteredVersion, 'datasetId' | 'versionId' | 'location'>;

const FILE = 'index.sqlite';
/** How long one process waits for another one that writes. */
const BUSY_MS = 10_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS dataset (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS version (
    id TEXT PRIMARY KEY,
    dataset TEXT NOT NULL REFERENCES dataset (id),
    number INTEGER NOT NULL,
    created TEXT NOT NULL,
    source TEXT NOT NULL,
    location TEXT NOT NULL,
    ending TEXT NOT NULL,
    -- The process that writes it, or removes it; null once it may be read.
    writer TEXT,
    facts TEXT,
    UNIQUE (dataset, number)
  ) STRICT;
`;

const VERSIONS = `
  SELECT v.*, d.name, v.number = (SELECT max(number) FROM version WHERE dataset = d.id AND writer IS NULL) AS latest
  FROM version v JOIN dataset d ON d.id = v.dataset WHERE v.writer IS NULL
`;

/** What the registry knows: an SQLite database in the folder of the catalog. Several processes may use it at once. */
export class CatalogIndex implements Disposable {
  readonly #database: DatabaseSync;
  readonly folder: string;

  private constructor(database: DatabaseSync, folder: string) {
    this.#database = database;
    this.folder = folder;
  }

  /** Opens the index in a folder to read it; the folder may be one that nobody can write to. Throws INTAKE_NOT_FOUND, INTAKE_UNREADABLE. */
  static async openToRead(folder: string): Promise<CatalogIndex> {
    const file = join(folder, FILE);
    if (!existsSync(file)) {
      throw new SluiceError(
        'INTAKE_NOT_FOUND',
        `There is no catalog in ${folder}. sluice catalog add makes one; SLUICE_STATE names another state folder, catalogUrl another catalog.`,
      );
    }
    const { DatabaseSync } = await import('node:sqlite');
    try {
      const database = new DatabaseSync(file, { timeout: BUSY_MS, readOnly: true });
      database.prepare('SELECT count(*) FROM version').get();
      return new CatalogIndex(database, folder);
    } catch (error) {
      throw new SluiceError('INTAKE_UNREADABLE', `The catalog in ${folder} cannot be read: ${messageOf(error)}.`, {
        cause: error,
      });
    }
  }

  /** Opens the index in a folder, and makes both if they are not there. Throws OUTPUT_UNWRITABLE. */
  static async open(folder: string): Promise<CatalogIndex> {
    // Loaded where it is needed: older versions of Node warn of it.
    const { DatabaseSync } = await import('node:sqlite');
    try {
      await mkdir(folder, { recursive: true });
      const database = new DatabaseSync(join(folder, FILE), { timeout: BUSY_MS });
      database.exec('PRAGMA synchronous = FULL;');
      database.exec(SCHEMA);
      return new CatalogIndex(database, folder);
    } catch (error) {
      throw new SluiceError(
        'OUTPUT_UNWRITABLE',
        `The catalog in ${folder} cannot be opened: ${messageOf(error)}. Check the folder and its rights; SLUICE_STATE names another one.`,
        { cause: error },
      );
    }
  }

  /** The latest version of every dataset, by name. */
  list(): readonly RegisteredVersion[] {
    return this.#all(`${VERSIONS} ORDER BY d.name`).filter(({ isLatest }) => isLatest);
  }

  /** All versions of a dataset, the newest first. Throws INTAKE_NOT_FOUND. @param dataset its ID or its name. */
  versions(dataset: string): readonly RegisteredVersion[] {
    const found = this.#all(`${VERSIONS} AND (d.id = ? OR d.name = ?) ORDER BY v.number DESC`, dataset, dataset);
    if (found.length > 0) return found;
    const names = this.list().map(({ name }) => name);
    throw new SluiceError(
      'INTAKE_NOT_FOUND',
      `The catalog in ${this.folder} has no dataset "${dataset}". ` +
        (names.length === 0 ? 'It is empty; sluice catalog add fills it.' : `It has ${names.slice(0, 10).join(', ')}.`),
    );
  }

  /** One version, by its ID or its number; the latest for null. Throws INTAKE_NOT_FOUND. */
  version(dataset: string, version: string | null): RegisteredVersion {
    const all = this.versions(dataset);
    const found = all.find(({ versionId, number, isLatest }) =>
      version === null ? isLatest : versionId === version || String(number) === version,
    );
    if (found !== undefined) return found;
    throw new SluiceError(
      'INTAKE_NOT_FOUND',
      `The dataset "${dataset}" has no version ${version ?? ''}. It has ${all.map((one) => `${one.number} (${one.versionId})`).join(', ')}.`,
    );
  }

  /** Begins a version, and the dataset with its first one. Nobody sees it until it is `complete`. */
  async begin(
    name: string,
    facts: { readonly source: string; readonly ending: string; readonly created: string },
    locate: (place: { readonly datasetId: string; readonly versionId: string }) => string,
  ): Promise<BegunVersion> {
    const writer = JSON.stringify(await thisProcess());
    return this.#atOnce(() => {
      const known = this.#database.prepare('SELECT id FROM dataset WHERE name = ?').get(name);
      const datasetId = known === undefined ? newId() : String(known['id']);
      if (known === undefined) {
        const made = this.#database.prepare('INSERT INTO dataset (id, name, created) VALUES (?, ?, ?)');
        made.run(datasetId, name, facts.created);
      }
      const last = this.#database.prepare('SELECT max(number) AS last FROM version WHERE dataset = ?').get(datasetId);
      const versionId = newId();
      const location = locate({ datasetId, versionId });
      this.#database
        .prepare(
          'INSERT INTO version (id, dataset, number, created, source, location, ending, writer) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        )
        .run(
          versionId,
          datasetId,
          Number(last?.['last'] ?? 0) + 1,
          facts.created,
          facts.source,
          location,
          facts.ending,
          writer,
        );
      return { datasetId, versionId, location };
    });
  }

  /** Makes a version one that may be read. */
  complete(
    { datasetId, versionId }: BegunVersion,
    facts: Pick<RegisteredVersion, 'rows' | 'bytes' | 'sha256' | 'columns'>,
  ): RegisteredVersion {
    const set = this.#database.prepare('UPDATE version SET writer = NULL, facts = ? WHERE id = ?');
    set.run(JSON.stringify(facts), versionId);
    return this.version(datasetId, versionId);
  }

  /** Hides a version before its file is removed: who dies in between leaves it to `abandoned`. */
  async hide({ versionId }: BegunVersion): Promise<void> {
    const writer = JSON.stringify(await thisProcess());
    this.#database.prepare('UPDATE version SET writer = ? WHERE id = ?').run(writer, versionId);
  }

  /** Forgets a version whose file is gone, and the dataset with its last one. */
  forget({ datasetId, versionId }: BegunVersion): void {
    this.#atOnce(() => {
      this.#database.prepare('DELETE FROM version WHERE id = ?').run(versionId);
      const unused = 'DELETE FROM dataset WHERE id = ? AND NOT EXISTS (SELECT 1 FROM version WHERE dataset = ?)';
      this.#database.prepare(unused).run(datasetId, datasetId);
    });
  }

  /** Versions whose process is gone before it was done with them. */
  async abandoned(): Promise<readonly BegunVersion[]> {
    const rows = this.#database
      .prepare('SELECT id, dataset, location, writer FROM version WHERE writer IS NOT NULL')
      .all();
    const found: BegunVersion[] = [];
    for (const row of rows) {
      const writer = JSON.parse(String(row['writer'])) as WritingProcess;
      if ((await livenessOf(writer)) !== 'gone') continue;
      found.push({
        datasetId: String(row['dataset']),
        versionId: String(row['id']),
        location: String(row['location']),
      });
    }
    return found;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #all(sql: string, ...parameters: readonly string[]): readonly RegisteredVersion[] {
    return this.#database
      .prepare(sql)
      .all(...parameters)
      .map((row) => ({
        datasetId: String(row['dataset']),
        versionId: String(row['id']),
        name: String(row['name']),
        number: Number(row['number']),
        created: String(row['created']),
        source: String(row['source']),
        location: String(row['location']),
        ending: String(row['ending']),
        isLatest: row['latest'] === 1,
        ...(JSON.parse(String(row['facts'])) as Pick<RegisteredVersion, 'rows' | 'bytes' | 'sha256' | 'columns'>),
      }));
  }

  /** Several statements as one: all of them count, or none. */
  #atOnce<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

/** 24 hexadecimal digits, as the IDs of DataRobot are. */
function newId(): string {
  return randomBytes(12).toString('hex');
}
