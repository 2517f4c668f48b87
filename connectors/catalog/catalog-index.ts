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
  /** The user of a server whose dataset it is; null: it was made on the command line, and is there for all. */
  readonly owner: string | null;
}

/** Which dataset gets a version: the one of a name, which is made if there is none; one that is known; or a new one, whose name is free or made so. */
export type DatasetTarget =
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'known'; readonly datasetId: string }
  | { readonly kind: 'new'; readonly name: string; readonly owner: string };

/** A version that is being written. */
export type BegunVersion = Pick<RegisteredVersion, 'datasetId' | 'versionId' | 'location'>;

const FILE = 'index.sqlite';
/** How long one process waits for another one that writes. */
const BUSY_MS = 10_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS dataset (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created TEXT NOT NULL, owner TEXT
  ) STRICT;
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

/** Of those that a user may see; @mine is null for whoever may see all. */
const VERSIONS = `
  SELECT v.*, d.name, d.owner, v.number = (SELECT max(number) FROM version WHERE dataset = d.id AND writer IS NULL) AS latest
  FROM version v JOIN dataset d ON d.id = v.dataset
  WHERE v.writer IS NULL AND (@mine IS NULL OR d.owner IS NULL OR d.owner = @mine)
`;
/** An ID goes before a name: nobody can stand in for a dataset by a name. */
const FOUND =
  'd.id = coalesce((SELECT id FROM dataset WHERE id = @wanted), (SELECT id FROM dataset WHERE name = @wanted))';

/** What the registry knows: an SQLite database in the folder of the catalog. Several processes may use it at once. */
export class CatalogIndex implements Disposable {
  readonly #database: DatabaseSync;
  readonly folder: string;
  /** Whose datasets are seen beside those that are there for all; null: everybody's. */
  readonly #user: string | null;
  readonly #versions: string;

  private constructor(database: DatabaseSync, folder: string, user: string | null) {
    this.#database = database;
    this.folder = folder;
    this.#user = user;
    // An index that nobody has written to since datasets have owners; whoever only reads it cannot change it.
    this.#versions = hasOwners(database) ? VERSIONS : VERSIONS.replaceAll('d.owner', 'NULL');
  }

  /**
   * Opens the index in a folder to read it; the folder may be one that nobody can write to. Throws INTAKE_NOT_FOUND, INTAKE_UNREADABLE.
   * @param user whose datasets are seen beside those that are there for all; null: everybody's.
   */
  static async openToRead(folder: string, user: string | null = null): Promise<CatalogIndex> {
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
      return new CatalogIndex(database, folder, user);
    } catch (error) {
      throw new SluiceError('INTAKE_UNREADABLE', `The catalog in ${folder} cannot be read: ${messageOf(error)}.`, {
        cause: error,
      });
    }
  }

  /** Opens the index in a folder, and makes both if they are not there. Throws OUTPUT_UNWRITABLE. @param user as of `openToRead`. */
  static async open(folder: string, user: string | null = null): Promise<CatalogIndex> {
    // Loaded where it is needed: older versions of Node warn of it.
    const { DatabaseSync } = await import('node:sqlite');
    try {
      await mkdir(folder, { recursive: true });
      const database = new DatabaseSync(join(folder, FILE), { timeout: BUSY_MS });
      database.exec('PRAGMA synchronous = FULL;');
      database.exec(SCHEMA);
      if (!hasOwners(database)) addOwners(database);
      return new CatalogIndex(database, folder, user);
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
    return this.#all(`${this.#versions} ORDER BY d.name`, {}).filter(({ isLatest }) => isLatest);
  }

  /** All versions of a dataset, the newest first. Throws INTAKE_NOT_FOUND. @param dataset its ID or its name. */
  versions(dataset: string): readonly RegisteredVersion[] {
    const found = this.#all(`${this.#versions} AND ${FOUND} ORDER BY v.number DESC`, { wanted: dataset });
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

  /** Begins a version, and the dataset with its first one. Nobody sees it until it is `complete`. Throws OUTPUT_EXISTS for a name that is a user's. */
  async begin(
    target: DatasetTarget,
    facts: { readonly source: string; readonly ending: string; readonly created: string },
    locate: (place: { readonly datasetId: string; readonly versionId: string }) => string,
  ): Promise<BegunVersion> {
    const writer = JSON.stringify(await thisProcess());
    return this.#atOnce(() => {
      const datasetId = this.#dataset(target, facts.created);
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

  /** Gives a dataset another name. Throws INTAKE_NOT_FOUND, OUTPUT_EXISTS for one that another has. */
  rename(dataset: string, name: string): RegisteredVersion {
    const { datasetId } = this.version(dataset, null);
    const taken = this.#database.prepare('SELECT 1 FROM dataset WHERE name = ? AND id <> ?').get(name, datasetId);
    if (taken !== undefined)
      throw new SluiceError('OUTPUT_EXISTS', `There is a dataset with the name ${name} already; choose another one.`);
    this.#database.prepare('UPDATE dataset SET name = ? WHERE id = ?').run(name, datasetId);
    return this.version(datasetId, null);
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

  /** The ID of the dataset that gets a version; made if it is not there. */
  #dataset(target: DatasetTarget, created: string): string {
    if (target.kind === 'known') {
      const is = this.#database.prepare('SELECT 1 FROM dataset WHERE id = ?').get(target.datasetId);
      if (is !== undefined) return target.datasetId;
      throw new SluiceError('INTAKE_NOT_FOUND', 'The dataset was removed meanwhile.');
    }
    const find = this.#database.prepare('SELECT id, owner FROM dataset WHERE name = ?');
    let { name } = target;
    if (target.kind === 'named') {
      const known = find.get(name);
      // What is added here is meant for all.
      if (typeof known?.['owner'] === 'string')
        throw new SluiceError(
          'OUTPUT_EXISTS',
          `The dataset ${name} is one that ${known['owner']} has uploaded to the server; choose another name.`,
        );
      if (known !== undefined) return String(known['id']);
    } else {
      for (let number = 2; find.get(name) !== undefined; number += 1) name = `${target.name}-${number}`;
    }
    const datasetId = newId();
    this.#database
      .prepare('INSERT INTO dataset (id, name, created, owner) VALUES (?, ?, ?, ?)')
      .run(datasetId, name, created, target.kind === 'new' ? target.owner : null);
    return datasetId;
  }

  #all(sql: string, parameters: Readonly<Record<string, string>>): readonly RegisteredVersion[] {
    return this.#database
      .prepare(sql)
      .all({ mine: this.#user, ...parameters })
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
        owner: row['owner'] === null ? null : String(row['owner']),
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

function hasOwners(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM pragma_table_info('dataset') WHERE name = 'owner'").get() !== undefined;
}

/** An index of before: of its datasets nobody is the owner. Another process may be doing the same. */
function addOwners(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE');
  if (!hasOwners(database)) database.exec('ALTER TABLE dataset ADD COLUMN owner TEXT');
  database.exec('COMMIT');
}

/** 24 hexadecimal digits, as the IDs of DataRobot are. */
function newId(): string {
  return randomBytes(12).toString('hex');
}
