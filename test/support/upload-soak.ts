import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeConfiguration } from './api-server.ts';
import { PredictionServer } from './prediction-server.ts';
import { type ServeProcess, startServe } from './serve-process.ts';

/** What a server of its own was seen to hold while something large went through it, in bytes. */
interface SoakFigures {
  /** Before it had anything to do. */
  readonly idleRss: number;
  /** The most. */
  readonly peakRss: number;
  readonly seconds: number;
  readonly uploaded: number;
  readonly rows: number;
}

export interface JobSoakFigures extends SoakFigures {
  readonly downloaded: number;
  /** Rows of the result that are not what they should be, or not in their place. */
  readonly wrong: number;
}

export interface DatasetSoakFigures extends SoakFigures {
  /** Whether the dataset has the bytes that were sent, and its columns what stands in them. */
  readonly isWhole: boolean;
}

const FILLING = 'filling '.repeat(124);
const ROWS_AT_ONCE = 1_000;

/** Sends a data set of so many bytes through upload, scoring and download, all at the same time. */
export async function soakJob(bytes: number): Promise<JobSoakFigures> {
  return await watched(async (api, server) => {
    const data = new Sent('id,text\n', (row) => `${row},${FILLING}\n`, bytes);
    const { id } = await api.create({ deploymentId: 'd', passthroughColumns: ['id', 'text'] });
    const put = api.upload(id, ReadableStream.from(data.chunks()) as ReadableStream);
    await api.until(id, ({ status }) => status === 'RUNNING');
    // The record would keep what the server answers to it: it is not asked, nor kept.
    server.requests.push = () => 0;
    const { downloaded, read, wrong } = await checkResult(await api.request(`/batchPredictions/${id}/download/`));
    const { status } = await put;
    if (status !== 202) throw new Error(`the upload was answered ${status}`);
    const { scoredRows } = await api.ended(id);
    const { rows, uploaded } = data;
    if (scoredRows !== rows || read !== rows) throw new Error(`${read} and ${scoredRows} of ${rows} rows`);
    return { uploaded, downloaded, rows, wrong };
  });
}

/** Makes a dataset of so many bytes, in many short fields, and reads it back. */
export async function soakDataset(bytes: number): Promise<DatasetSoakFigures> {
  return await watched(async (api) => {
    const columns = Array.from({ length: 12 }, (_, i) => `column_${i}`);
    const data = new Sent(
      `id,${columns.join(',')}\n`,
      (row) => `${row},${columns.map((_, i) => (i % 2 === 0 ? `text ${row % (i + 7)}` : row / (i + 1))).join(',')}\n`,
      bytes,
    );
    const body = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('--b\r\ncontent-disposition: form-data; name="file"; filename="large.csv"\r\n\r\n');
      yield* data.chunks();
      yield Buffer.from('\r\n--b--\r\n');
    };
    const made = await api.request('/datasets/fromFile/', {
      method: 'POST',
      body: ReadableStream.from(body()) as ReadableStream,
      duplex: 'half',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    });
    if (made.status !== 202) throw new Error(`the dataset was answered ${made.status}: ${await made.text()}`);
    const { catalogId } = (await made.json()) as { readonly catalogId: string };
    const shown = (await (await api.request(`/datasets/${catalogId}/`)).json()) as Readonly<Record<string, unknown>>;
    const found = createHash('sha256');
    const file = await api.request(`/datasets/${catalogId}/file/`);
    for await (const chunk of file.body!) found.update(chunk);
    const { rows, uploaded } = data;
    const isWhole =
      shown['rowCount'] === rows && shown['datasetSize'] === uploaded && found.digest('hex') === data.digest();
    return { uploaded, rows, isWhole };
  });
}

/** What is sent, as it is sent. */
class Sent {
  rows = 0;
  uploaded = 0;
  readonly #head: string;
  readonly #row: (row: number) => string;
  readonly #bytes: number;
  readonly #hash = createHash('sha256');

  constructor(head: string, row: (row: number) => string, bytes: number) {
    this.#head = head;
    this.#row = row;
    this.#bytes = bytes;
  }

  /** Of all that was sent. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    while (this.uploaded < this.#bytes) {
      const text = this.rows === 0 ? [this.#head] : [];
      for (const end = this.rows + ROWS_AT_ONCE; this.rows < end; this.rows += 1) text.push(this.#row(this.rows));
      const chunk = Buffer.from(text.join(''));
      this.#hash.update(chunk);
      this.uploaded += chunk.length;
      yield chunk;
    }
  }
}

/** Does something with a server of its own, and sees what memory it takes. */
async function watched<T>(
  work: (api: ServeProcess, server: PredictionServer) => Promise<T>,
): Promise<T & Pick<SoakFigures, 'idleRss' | 'peakRss' | 'seconds'>> {
  const state = mkdtempSync(join(tmpdir(), 'sluice-soak-'));
  try {
    await using server = await PredictionServer.start();
    await using api = await startServe(writeConfiguration(state, { deployments: { d: server.url } }), state);
    const peak = (): number => peakRss(api.process.pid!);
    const idleRss = peak();
    const begun = performance.now();
    const done = await work(api, server);
    return { ...done, idleRss, peakRss: peak(), seconds: (performance.now() - begun) / 1000 };
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

async function checkResult(reply: Response): Promise<{ downloaded: number; read: number; wrong: number }> {
  let downloaded = 0;
  let read = 0;
  let wrong = 0;
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of reply.body!) {
    downloaded += chunk.length;
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith('y_PREDICTION')) continue;
      if (line !== `${2 * read},${read},${FILLING}`) wrong += 1;
      read += 1;
    }
  }
  return { downloaded, read, wrong };
}

/** The most that a process has held, as the system has seen it. */
function peakRss(pid: number): number {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return 1024 * Number(kilobytes ?? Number.NaN);
}
