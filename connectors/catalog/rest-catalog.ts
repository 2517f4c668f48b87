import { type ObjectStore, SluiceError } from '../../src/sdk.ts';
import type { Catalog, DatasetVersion } from './catalog.ts';

/** How the API of a catalog is asked. */
interface CatalogApi extends AsyncDisposable {
  /** What a GET gives, whatever its status; the body is undefined when it is no JSON. Throws what keeps an answer from coming. */
  get(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: unknown }>;
}

export interface RestCatalogOptions {
  /** Base address of the API, `https://host/api/v2`. */
  readonly url: string;
  readonly api: CatalogApi;
  /** Reads what stands at an address. */
  readonly files: ObjectStore;
}

/** An AI Catalog behind its REST API: `datasets/{id}/`, `datasets/{id}/versions/{versionId}/`, and `file/` under the latter. */
export function createRestCatalog({ url, api, files }: RestCatalogOptions): Catalog {
  const base = url.replace(/\/+$/, '');
  return {
    name: base,
    version: async (datasetId, versionId, signal) => {
      const dataset = `${base}/datasets/${encodeURIComponent(datasetId)}/`;
      const address = versionId === null ? dataset : `${dataset}versions/${encodeURIComponent(versionId)}/`;
      const { status, body } = await api.get(address, signal);
      if (status === 200) return parseVersion(body, address);
      throw refused(status, body, { base, datasetId, versionId });
    },
    file: ({ datasetId, versionId }) => {
      const path = `datasets/${encodeURIComponent(datasetId)}/versions/${encodeURIComponent(versionId)}/file/`;
      return { store: files, key: `${base}/${path}`, ending: 'csv' };
    },
    [Symbol.asyncDispose]: async () => {
      await files[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

function parseVersion(body: unknown, address: string): DatasetVersion {
  const { datasetId, versionId, name, isSnapshot, processingState } = recordOf(body);
  if (typeof datasetId !== 'string' || typeof versionId !== 'string') {
    throw new SluiceError(
      'INTAKE_UNREADABLE',
      `${address} answers with something that is no dataset. Check the address of the catalog: it ends in /api/v2.`,
    );
  }
  return {
    datasetId,
    versionId,
    name: typeof name === 'string' ? name : datasetId,
    // Older servers leave out what they always are.
    isSnapshot: isSnapshot !== false,
    processingState: typeof processingState === 'string' ? processingState : 'COMPLETED',
    sha256: null,
  };
}

interface Asked {
  readonly base: string;
  readonly datasetId: string;
  readonly versionId: string | null;
}

function refused(status: number, body: unknown, { base, datasetId, versionId }: Asked): SluiceError {
  const { message } = recordOf(body);
  const said = typeof message === 'string' ? ` It says: ${message.slice(0, 200)}` : '';
  const what = versionId === null ? `dataset ${datasetId}` : `version ${versionId} of dataset ${datasetId}`;
  const facts = { status };
  if (status === 401)
    return new SluiceError(
      'STORE_ACCESS',
      `The catalog ${base} does not know who asks (401). Correct its token.${said}`,
      facts,
    );
  if (status === 403)
    return new SluiceError(
      'STORE_ACCESS',
      `The catalog ${base} gives no right to read ${what} (403). Have it given, or use another token.${said}`,
      facts,
    );
  if (status === 404 || status === 410) {
    const field = versionId === null ? 'datasetId' : 'datasetVersionId';
    const where = said === '' ? ` and the address of the catalog: it ends in /api/v2` : '';
    return new SluiceError(
      'INTAKE_NOT_FOUND',
      `The catalog ${base} has no ${what}. Check intakeSettings.${field}${where}.${said}`,
      facts,
    );
  }
  if (status === 422)
    return new SluiceError('DATASET_UNUSABLE', `The catalog ${base} does not give ${what} (422).${said}`, facts);
  return new SluiceError(
    'INTAKE_UNREADABLE',
    `The catalog ${base} answers ${status} for ${what}. Check its address.${said}`,
    facts,
  );
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
