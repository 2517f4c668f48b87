import type { ObjectStore } from '../../src/sdk.ts';

/** One version of a dataset, as far as reading it needs to know. */
export interface DatasetVersion {
  readonly datasetId: string;
  readonly versionId: string;
  readonly name: string;
  /** Whether the rows are kept; without, they would be fetched anew from where they come. */
  readonly isSnapshot: boolean;
  /** `COMPLETED` once it may be read. */
  readonly processingState: string;
  /** Hex, of the file; null where the catalog does not say. */
  readonly sha256: string | null;
}

/** The file that holds the rows of a version. */
export interface DatasetFile {
  readonly store: ObjectStore;
  readonly key: string;
  /** The ending of its name, which tells format and compression: `csv`, `csv.gz`, `parquet`. */
  readonly ending: string;
}

/** Where datasets are kept in versions that never change. */
export interface Catalog extends AsyncDisposable {
  /** For messages and identities; never with a secret in it. */
  readonly name: string;
  /**
   * A version of a dataset, the latest for null. Throws INTAKE_NOT_FOUND when there is no such dataset or version, STORE_ACCESS when
   * the catalog does not let us in, STORE_UNREACHABLE.
   */
  version(datasetId: string, versionId: string | null, signal: AbortSignal): Promise<DatasetVersion>;
  /** Where its file is. */
  file(version: DatasetVersion): DatasetFile;
}
