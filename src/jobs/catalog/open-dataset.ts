import { readFileSync } from 'node:fs';
import type { Catalog } from '../../../connectors/catalog/catalog.ts';
import { CatalogIndex } from '../../../connectors/catalog/catalog-index.ts';
import { createDatasetStore } from '../../../connectors/catalog/dataset-store.ts';
import { createLocalCatalog } from '../../../connectors/catalog/local-catalog.ts';
import { createRestCatalog } from '../../../connectors/catalog/rest-catalog.ts';
import { createHttpJson } from '../../../connectors/http/http-json.ts';
import { createHttpStore } from '../../../connectors/http/http-store.ts';
import { defaultCsvSettings } from '../../codecs/csv/csv-settings.ts';
import { createReaders } from '../../codecs/formats.ts';
import { createObjectSource } from '../../codecs/objects/object-source.ts';
import type { Clock } from '../../core/clock.ts';
import type { ConnectionGuard } from '../../core/connection-guard.ts';
import { SluiceError } from '../../core/error.ts';
import type { ObjectStore } from '../../core/object-store.ts';
import type { Source } from '../../core/source.ts';
import type { CatalogPlace } from '../description/dataset-fields.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { StoredVersions } from './version-files.ts';

export type DatasetIntake = Extract<JobDescription['intakeSettings'], { readonly type: 'dataset' }>;

/**
 * The source of a dataset. Where its file is CSV, it is as a catalog keeps it (comma, double quote, UTF-8), whatever `csvSettings` say of
 * the output; they say only what becomes of bad records.
 */
export function openDatasetSource(
  { csvSettings: { raggedRows, maxRecordBytes } }: Pick<JobDescription, 'csvSettings'>,
  intake: DatasetIntake,
  clock: Clock,
): Source {
  const { columns, catalog, datasetId, datasetVersionId: versionId, guard } = intake;
  if (catalog === null) throw new SluiceError('CONTRACT_BROKEN', 'a dataset was asked for without a catalog');
  const store = lazily(async () =>
    createDatasetStore(await openCatalog(catalog, guard ?? null, clock), { datasetId, versionId }),
  );
  const csv = { ...defaultCsvSettings, raggedRows, maxRecordBytes };
  const readers = createReaders({ csv, columns }, { clock });
  return createObjectSource({ store, patterns: [datasetId], readers, compression: 'auto' });
}

/** The catalog of a place: one behind an address, or the own registry. */
async function openCatalog(place: CatalogPlace, guard: ConnectionGuard | null, clock: Clock): Promise<Catalog> {
  const { url, token, allowedHosts, caFile, folder, user } = place;
  if (url === null)
    return createLocalCatalog(await CatalogIndex.openToRead(folder, user), new StoredVersions(place, clock));
  const ca = caFile === null ? null : certificates(caFile);
  const settings = { token: token?.reveal() ?? null, allowedHosts, ca, guard };
  const files = createHttpStore({ settings, clock });
  return createRestCatalog({ url, api: createHttpJson(settings, clock), files });
}

/** A store that is opened when it is first asked. */
function lazily(open: () => Promise<ObjectStore>): ObjectStore {
  let opened: Promise<ObjectStore> | null = null;
  const store = (): Promise<ObjectStore> => (opened ??= open());
  return {
    pinsReads: true,
    name: (key) => `dataset ${key}`,
    list: async (pattern, signal) => (await store()).list(pattern, signal),
    async *read(key, offset, signal) {
      yield* (await store()).read(key, offset, signal);
    },
    stage: async (key, options, signal) => (await store()).stage(key, options, signal),
    [Symbol.asyncDispose]: async () => {
      const found = await opened?.catch(() => null);
      await found?.[Symbol.asyncDispose]();
    },
  };
}

function certificates(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SluiceError('CONFIG_UNREADABLE', `catalog.caFile names ${path}, which cannot be read.`, { cause: error });
  }
}
