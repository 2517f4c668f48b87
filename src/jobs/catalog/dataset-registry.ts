import type { RegisteredVersion } from '../../../connectors/catalog/catalog-index.ts';
import { CatalogIndex } from '../../../connectors/catalog/catalog-index.ts';
import { defaultCsvSettings } from '../../codecs/csv/csv-settings.ts';
import { encodeField } from '../../core/canonical-csv.ts';
import type { Clock } from '../../core/clock.ts';
import { findSluiceError, SluiceError } from '../../core/error.ts';
import { columnNames } from '../../core/schema.ts';
import { type CatalogPlace, datasetIntake } from '../description/dataset-fields.ts';
import { validate } from '../description/validate.ts';
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

const LIMITS = { rows: 10_000, bytes: 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/** Sluice's own registry of datasets, to be looked at and read. All methods throw INTAKE_NOT_FOUND (404) for what is not there. */
export class DatasetRegistry {
  readonly #place: CatalogPlace;
  readonly #clock: Clock;

  constructor(place: CatalogPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  /** The latest version of every dataset, by name. */
  async list(): Promise<readonly RegisteredVersion[]> {
    try {
      return await this.#use((index) => index.list());
    } catch (error) {
      // Nobody has made one yet.
      if (isUnknown(error)) return [];
      throw error;
    }
  }

  /** All versions of a dataset, the newest first. */
  async versions(dataset: string): Promise<readonly RegisteredVersion[]> {
    return await this.#found((index) => index.versions(dataset));
  }

  /** @param version null: the latest. */
  async version(dataset: string, version: string | null): Promise<RegisteredVersion> {
    return await this.#found((index) => index.version(dataset, version));
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
      for await (const chunk of store.read(key, from, signal)) yield Buffer.from(chunk);
    };
    return { tag: versionId, bytes, read };
  }

  async *#converted({ datasetId, versionId }: RegisteredVersion, signal: AbortSignal): AsyncGenerator<Buffer> {
    const given = { type: 'dataset', datasetId, datasetVersionId: versionId };
    const intake = validate(datasetIntake, given, new Set(), { place: () => 'dataset' });
    const settings = { csvSettings: defaultCsvSettings };
    await using source = openDatasetSource(settings, { ...intake, catalog: this.#place }, this.#clock);
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

  async #found<T>(work: (index: CatalogIndex) => T): Promise<T> {
    try {
      return await this.#use(work);
    } catch (error) {
      // Whoever asks over the network is told nothing of the folder and of what else is in it.
      if (isUnknown(error)) throw new SluiceError('INTAKE_NOT_FOUND', 'There is no such dataset.', { status: 404 });
      throw error;
    }
  }

  async #use<T>(work: (index: CatalogIndex) => T): Promise<T> {
    const index = await CatalogIndex.openToRead(this.#place.folder);
    try {
      return work(index);
    } finally {
      index[Symbol.dispose]();
    }
  }
}

function isUnknown(error: unknown): boolean {
  return findSluiceError(error)?.code === 'INTAKE_NOT_FOUND';
}
