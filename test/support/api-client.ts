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

/** Requests to a server of the API. */
export class ApiClient {
  readonly base: string;
  readonly #token: string | undefined;

  /** @param url of the server, without a slash at its end. */
  constructor(url: string, token?: string) {
    this.base = `${url}/api/v2`;
    this.#token = token;
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
}
