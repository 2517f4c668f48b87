import { WebServer } from './web-server.ts';

/** A version of a dataset on a catalog server. */
export interface ServedVersion {
  readonly text: string;
  readonly isSnapshot?: boolean;
  readonly processingState?: string;
}

/** A web server with the routes of an AI Catalog that reading a dataset takes; it wants a token. */
export class CatalogServer implements AsyncDisposable {
  readonly web: WebServer;
  readonly token = 'catalog-token';
  readonly #versions = new Map<string, number>();

  private constructor(web: WebServer) {
    this.web = web;
    web.fault = ({ headers }) =>
      headers.authorization === `Bearer ${this.token}`
        ? null
        : { status: 401, headers: { 'content-type': 'application/json' }, body: '{"message": "Invalid token."}' };
  }

  static async start(): Promise<CatalogServer> {
    return new CatalogServer(await WebServer.start());
  }

  /** Base address of the API. */
  get url(): string {
    return `${this.web.url}/api/v2`;
  }

  /** Adds a version, which is the latest from then on, and gives its ID. */
  add(datasetId: string, { text, isSnapshot = true, processingState = 'COMPLETED' }: ServedVersion): string {
    const number = (this.#versions.get(datasetId) ?? 0) + 1;
    this.#versions.set(datasetId, number);
    const versionId = `${datasetId}v${number}`;
    const shape = {
      datasetId,
      versionId,
      name: `the ${datasetId}`,
      isSnapshot,
      processingState,
      isLatestVersion: true,
    };
    const json = { bytes: Buffer.from(JSON.stringify(shape)), headers: { 'content-type': 'application/json' } };
    const dataset = `/api/v2/datasets/${datasetId}/`;
    this.web.bodies.set(dataset, json);
    this.web.bodies.set(`${dataset}versions/${versionId}/`, json);
    this.web.bodies.set(`${dataset}versions/${versionId}/file/`, {
      bytes: Buffer.from(text),
      etag: `"${versionId}"`,
      ranges: true,
      headers: { 'content-type': 'text/csv' },
    });
    return versionId;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.web.close();
  }
}
