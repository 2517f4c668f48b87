import { CatalogIndex, type DatasetTarget, type RegisteredVersion } from '../../../connectors/catalog/catalog-index.ts';
import { defaultCsvSettings } from '../../codecs/csv/csv-settings.ts';
import { csvReaders } from '../../codecs/formats.ts';
import { createStreamSource } from '../../codecs/streams/stream-source.ts';
import { encodeField } from '../../core/canonical-csv.ts';
import type { Clock } from '../../core/clock.ts';
import { findSluiceError, SluiceError } from '../../core/error.ts';
import { columnNames } from '../../core/schema.ts';
import type { Source } from '../../core/source.ts';
import { type CatalogPlace, datasetIntake } from '../description/dataset-fields.ts';
import { validate } from '../description/validate.ts';
import type { MemoryLimits } from '../queue/body/memory-limits.ts';
import type { Caller } from '../queue/caller.ts';
import { addDataset, removeDataset } from './add-dataset.ts';
import { datasetNameOf } from './dataset-name.ts';
import { openDatasetSource } from './open-dataset.ts';
import { StoredVersions } from './version-files.ts';

/** The rows of a version as CSV. */
export interface DatasetCsv {
  /** The same for the same bytes. */
  readonly tag: string;
  /** Null: they are made while they are read, and can be read only from the first one on. */
  readonly bytes: number | null;
  /** @param from the first byte; 0 where `bytes` is null. */
  read(from: number, signal: AbortSignal): AsyncIterable<Buffer>;
}

/** Of a file that is sent: of larger pieces too many are garbage at a time. */
const PIECE_BYTES = 64 * 1024;
const LIMITS = { rows: 10_000, bytes: 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/** A file that somebody uploads. */
interface UploadedFile {
  /** As he calls it. */
  readonly name: string;
  /** CSV: comma, double quote, UTF-8. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Sluice's own registry of datasets, as the users of a server see it: each those of his own, and those that were made on the command line.
 * All methods throw INTAKE_NOT_FOUND (404) for what is not there for the caller; those that change a dataset throw TOKEN_REFUSED (403) where it is
 * not his.
 */
export class DatasetRegistry {
  readonly #place: CatalogPlace;
  readonly #clock: Clock;

  constructor(place: CatalogPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  /** The latest version of every dataset, by name. */
  async list(caller: Caller): Promise<readonly RegisteredVersion[]> {
    try {
      return await this.#use(caller, (index) => index.list());
    } catch (error) {
      // Nobody has made one yet.
      if (isUnknown(error)) return [];
      throw error;
    }
  }

  /** All versions of a dataset, the newest first. */
  async versions(dataset: string, caller: Caller): Promise<readonly RegisteredVersion[]> {
    return await this.#found(caller, (index) => index.versions(dataset));
  }

  /** @param version null: the latest. */
  async version(dataset: string, version: string | null, caller: Caller): Promise<RegisteredVersion> {
    return await this.#found(caller, (index) => index.version(dataset, version));
  }

  /**
   * Makes a dataset of a file while it comes, or another version of one. Of a file that breaks off, or is no CSV, nothing remains. Throws what its
   * reading throws. @param dataset null: a new one.
   */
  async add(
    { name, body }: UploadedFile,
    dataset: string | null,
    caller: Caller,
    limits: Pick<MemoryLimits, 'recordBytes' | 'columns'>,
    signal: AbortSignal,
  ): Promise<RegisteredVersion> {
    this.#assertOwn();
    const target: DatasetTarget =
      dataset === null
        ? { kind: 'new', name: datasetNameOf(name), owner: caller.user.username }
        : { kind: 'known', datasetId: (await this.#own(dataset, caller)).datasetId };
    const description = datasetNameOf(name);
    const csv = { ...defaultCsvSettings, maxRecordBytes: limits.recordBytes, maxColumns: limits.columns };
    const source = createStreamSource({
      name: description,
      input: body,
      readers: csvReaders(csv, { clock: this.#clock }),
      compression: 'none',
    });
    using index = await CatalogIndex.open(this.#place.folder);
    await using files = new StoredVersions(this.#place, this.#clock);
    const kept = { format: 'csv', compression: 'none', clock: this.#clock } as const;
    return await addDataset({ index, files, target, source, description, ...kept }, signal);
  }

  /** Throws OUTPUT_EXISTS (409) for the name of another. */
  async rename(dataset: string, name: string, caller: Caller): Promise<RegisteredVersion> {
    const { datasetId } = await this.#own(dataset, caller);
    using index = await CatalogIndex.open(this.#place.folder);
    return index.rename(datasetId, name);
  }

  /** Removes a dataset with all its versions. Jobs that read it already go on. */
  async remove(dataset: string, caller: Caller, signal: AbortSignal): Promise<void> {
    const { datasetId } = await this.#own(dataset, caller);
    using index = await CatalogIndex.open(this.#place.folder);
    await using files = new StoredVersions(this.#place, this.#clock);
    await removeDataset({ index, files }, datasetId, null, signal);
  }

  csv(version: RegisteredVersion): DatasetCsv {
    const { ending, bytes, versionId, location } = version;
    if (ending !== 'csv')
      return { tag: `${versionId}-csv`, bytes: null, read: (_, signal) => this.#converted(version, signal) };
    const files = new StoredVersions(this.#place, this.#clock);
    const read = async function* (from: number, signal: AbortSignal): AsyncGenerator<Buffer> {
      await using _ = files;
      const { store, key } = files.at(location);
      await store.list(key, signal);
      // A chunk is valid until the next one is asked for; who sends it may still hold it then.
      for await (const chunk of store.read(key, from, signal))
        for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield Buffer.from(chunk.subarray(at, at + PIECE_BYTES));
    };
    return { tag: versionId, bytes, read };
  }

  /** The rows of a version, to be read once. */
  rows({ datasetId, versionId }: RegisteredVersion): Source {
    const given = { type: 'dataset', datasetId, datasetVersionId: versionId };
    const intake = validate(datasetIntake, given, new Set(), { place: () => 'dataset' });
    const settings = { csvSettings: defaultCsvSettings };
    return openDatasetSource(settings, { ...intake, catalog: this.#place }, this.#clock);
  }

  async *#converted(version: RegisteredVersion, signal: AbortSignal): AsyncGenerator<Buffer> {
    await using source = this.rows(version);
    await source.identity(signal);
    let isFirst = true;
    for (const split of await source.splits(signal)) {
      for await (const batch of source.read(split, null, LIMITS, signal)) {
        if (isFirst) yield Buffer.from(`${columnNames(batch.schema).map(encodeField).join(',')}\n`);
        isFirst = false;
        yield Buffer.from(batch.bytes);
        batch.release();
      }
    }
  }

  /** Jobs would look for what is made here in another place. */
  #assertOwn(): void {
    if (this.#place.url === null) return;
    throw new SluiceError(
      'CONFIG_INVALID',
      'The datasets of this server are those of another catalog, which its configuration names: make them there.',
      { status: 409 },
    );
  }

  /** A dataset that the caller may change. */
  async #own(dataset: string, caller: Caller): Promise<RegisteredVersion> {
    const found = await this.version(dataset, null, caller);
    if (caller.role === 'admin' || found.owner === caller.user.username) return found;
    throw new SluiceError(
      'TOKEN_REFUSED',
      'This dataset was made on the command line of the server; only an admin may change it.',
      { status: 403 },
    );
  }

  async #found<T>(caller: Caller, work: (index: CatalogIndex) => T): Promise<T> {
    try {
      return await this.#use(caller, work);
    } catch (error) {
      // Whoever asks over the network is told nothing of the folder and of what else is in it.
      if (isUnknown(error)) throw new SluiceError('INTAKE_NOT_FOUND', 'There is no such dataset.', { status: 404 });
      throw error;
    }
  }

  async #use<T>({ role, user }: Caller, work: (index: CatalogIndex) => T): Promise<T> {
    using index = await CatalogIndex.openToRead(this.#place.folder, role === 'admin' ? null : user.username);
    return work(index);
  }
}

function isUnknown(error: unknown): boolean {
  return findSluiceError(error)?.code === 'INTAKE_NOT_FOUND';
}
