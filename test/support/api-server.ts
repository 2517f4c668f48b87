import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/core/clock.ts';
import { loadConfiguration } from '../../src/jobs/configuration.ts';
import { type RunningServer, startServer } from '../../src/server/start-server.ts';

/** A job as the API shows it. */
export interface ShownJob {
  readonly id: string;
  readonly status: string;
  readonly statusDetails: string;
  readonly logs: readonly string[];
  readonly links: { readonly self: string; readonly csvUpload?: string; readonly download?: string | null };
  readonly queuePosition: number | null;
  readonly elapsedTimeSec: number;
  readonly percentageCompleted: number;
  readonly scoredRows: number;
  readonly failedRows: number;
  readonly skippedRows: number;
  readonly jobIntakeSize: number | null;
  readonly jobOutputSize: number | null;
  readonly resultsDeleted: boolean;
  readonly jobSpec: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export interface ApiServerOptions {
  /** Base addresses of prediction servers, by deployment. */
  readonly deployments: Readonly<Record<string, string>>;
  /** `server` of the configuration. */
  readonly server?: object;
  /** Beside the deployments and the server. */
  readonly configuration?: object;
  readonly state?: string;
  readonly clock?: Clock;
  readonly token?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** `sluice serve` in this process, in a state folder of its own, and requests to it. */
export class ApiServer implements AsyncDisposable {
  readonly state: string;
  readonly base: string;
  readonly server: RunningServer;
  readonly log: string[];
  readonly #token: string | undefined;
  readonly #ownsState: boolean;

  private constructor(server: RunningServer, state: string, options: ApiServerOptions, log: string[]) {
    this.server = server;
    this.base = `${server.url}/api/v2`;
    this.state = state;
    this.log = log;
    this.#token = options.token;
    this.#ownsState = options.state === undefined;
  }

  static async start(options: ApiServerOptions): Promise<ApiServer> {
    const state = options.state ?? mkdtempSync(join(tmpdir(), 'sluice-serve-'));
    const log: string[] = [];
    const server = await startServer({
      configuration: loadConfiguration(writeConfiguration(state, options)),
      env: { SLUICE_STATE: state, ...options.env },
      log: (line) => log.push(line),
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    });
    return new ApiServer(server, state, options, log);
  }

  request(path: string, init: RequestInit & { readonly duplex?: 'half' } = {}): Promise<Response> {
    const url = path.startsWith('http') ? path : `${this.base}${path}`;
    const headers = new Headers(init.headers);
    if (this.#token !== undefined && !headers.has('authorization'))
      headers.set('authorization', `Token ${this.#token}`);
    return fetch(url, { redirect: 'error', ...init, headers });
  }

  post(path: string, body?: unknown): Promise<Response> {
    return this.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async create(body: object): Promise<ShownJob> {
    const reply = await this.post('/batchPredictions/', body);
    if (reply.status !== 202) throw new Error(`${reply.status}: ${await reply.text()}`);
    return (await reply.json()) as ShownJob;
  }

  async job(id: string): Promise<ShownJob> {
    return (await (await this.request(`/batchPredictions/${id}/`)).json()) as ShownJob;
  }

  upload(id: string, csv: string | Uint8Array<ArrayBuffer> | ReadableStream, headers: object = {}): Promise<Response> {
    return this.request(`/batchPredictions/${id}/csvUpload/`, {
      method: 'PUT',
      headers: { 'content-type': 'text/csv', ...headers },
      body: csv,
      ...(csv instanceof ReadableStream ? { duplex: 'half' as const } : {}),
    });
  }

  async result(id: string): Promise<string> {
    const reply = await this.request(`/batchPredictions/${id}/download/`);
    if (reply.status !== 200) throw new Error(`${reply.status}: ${await reply.text()}`);
    return await reply.text();
  }

  /** Waits until a job is as asked for, by looking as a client would. */
  async until(id: string, is: (job: ShownJob) => boolean, withinMs = 30_000): Promise<ShownJob> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const job = await this.job(id);
      if (is(job)) return job;
      if (performance.now() > deadline) throw new Error(`still ${job.status}: ${job.logs.join(' | ')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  ended(id: string, withinMs?: number): Promise<ShownJob> {
    return this.until(id, ({ status }) => status === 'COMPLETED' || status === 'ABORTED', withinMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    if (this.#ownsState) rmSync(this.state, { recursive: true, force: true });
  }
}

/** Writes a configuration file into a state folder, and gives its path. */
export function writeConfiguration(
  state: string,
  { deployments, server = {}, configuration = {} }: ApiServerOptions,
): string {
  const file = join(state, 'sluice.json');
  const entries = Object.entries(deployments).map(([id, url]) => [id, { server: url }]);
  writeFileSync(
    file,
    JSON.stringify({ deployments: Object.fromEntries(entries), server: { port: 0, ...server }, ...configuration }),
  );
  return file;
}
