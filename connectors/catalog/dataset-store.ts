import { type ObjectStore, SluiceError } from '../../src/sdk.ts';
import type { Catalog, DatasetFile, DatasetVersion } from './catalog.ts';

/** Which version of a dataset is read. */
export interface DatasetChoice {
  readonly datasetId: string;
  /** Null: the latest, as it is when it is asked for. */
  readonly versionId: string | null;
}

/**
 * One version of a dataset as a store of one object. Its key names dataset and version, so that the version is a part of what makes a job
 * the job it is: a job that is continued reads the version that it began with, whatever came after it.
 */
export function createDatasetStore(catalog: Catalog, { datasetId, versionId }: DatasetChoice): ObjectStore {
  const files = new Map<string, DatasetFile>();
  const fileOf = (key: string): DatasetFile => {
    const file = files.get(key);
    if (file !== undefined) return file;
    throw new SluiceError('CONTRACT_BROKEN', `${key} was read before it was listed`);
  };
  return {
    pinsReads: true,
    name: (key) => `dataset ${key}`,
    list: async (_pattern, signal) => {
      const version = await catalog.version(datasetId, versionId, signal);
      assertUsable(version);
      const file = catalog.file(version);
      const [found] = await file.store.list(file.key, signal);
      const key = datasetKey(version, file.ending);
      // What the version says of itself is told from what is said of its file: the latter may be reached in other ways.
      files.set(key, { ...file, key: found!.key });
      const { sha256 } = version;
      return [{ key, bytes: found!.bytes, version: sha256 === null ? found!.version : { sha256 } }];
    },
    read: (key, offset, signal) => {
      const file = fileOf(key);
      return file.store.read(file.key, offset, signal);
    },
    stage: async () => {
      throw new SluiceError(
        'CONTRACT_BROKEN',
        'a dataset was to be written as an output; sluice catalog add makes versions',
      );
    },
    [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose](),
  };
}

/** The name of a version among the objects of an intake. */
function datasetKey({ datasetId, versionId }: DatasetVersion, ending: string): string {
  return `${datasetId}/${versionId}.${ending}`;
}

/** Throws DATASET_UNUSABLE for a version whose rows are not kept, or not there yet. */
function assertUsable({ name, datasetId, versionId, isSnapshot, processingState }: DatasetVersion): void {
  const what = `Version ${versionId} of the dataset "${name}" (${datasetId})`;
  if (!isSnapshot) {
    throw new SluiceError(
      'DATASET_UNUSABLE',
      `${what} is not a snapshot, and only snapshots can be scored. Create a snapshot of it in the catalog, and name that version.`,
      { status: 422 },
    );
  }
  if (processingState !== 'COMPLETED') {
    throw new SluiceError(
      'DATASET_UNUSABLE',
      `${what} is not ingested (${processingState}), and only ingested versions can be scored. Wait until it is COMPLETED, or name another version.`,
      { status: 422 },
    );
  }
}
