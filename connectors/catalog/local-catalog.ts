import type { ObjectStore } from '../../src/sdk.ts';
import type { Catalog } from './catalog.ts';
import type { CatalogIndex, RegisteredVersion } from './catalog-index.ts';

/** Where the files of versions are kept. */
export interface VersionFiles extends AsyncDisposable {
  /** The store that a location belongs to, and the key that it has there. */
  at(location: string): { readonly store: ObjectStore; readonly key: string };
}

/** Sluice's own registry as a catalog. A dataset is named by its ID or its name, a version by its ID or its number. */
export function createLocalCatalog(index: CatalogIndex, files: VersionFiles): Catalog {
  const known = new Map<string, RegisteredVersion>();
  return {
    name: index.folder,
    version: async (dataset, version, signal) => {
      signal.throwIfAborted();
      const found = index.version(dataset, version);
      known.set(found.versionId, found);
      const { datasetId, versionId, name, sha256 } = found;
      return { datasetId, versionId, name, isSnapshot: true, processingState: 'COMPLETED', sha256 };
    },
    file: ({ datasetId, versionId }) => {
      const { location, ending } = known.get(versionId) ?? index.version(datasetId, versionId);
      return { ...files.at(location), ending };
    },
    [Symbol.asyncDispose]: async () => {
      index[Symbol.dispose]();
      await files[Symbol.asyncDispose]();
    },
  };
}
