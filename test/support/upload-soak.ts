import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeConfiguration } from './api-server.ts';
import { PredictionServer } from './prediction-server.ts';
import { startServe } from './serve-process.ts';

export interface SoakFigures {
  readonly uploaded: number;
  readonly downloaded: number;
  readonly rows: number;
  /** Rows of the result that are not what they should be, or not in their place. */
  readonly wrong: number;
  /** Memory that the server held before it had anything to do, in bytes. */
  readonly idleRss: number;
  /** The most that it held. */
  readonly peakRss: number;
  readonly seconds: number;
}

const FILLING = 'filling '.repeat(124);
const ROWS_AT_ONCE = 1_000;

/** Sends a data set of so many bytes through upload, scoring and download of a server of its own, all at the same time. */
export async function soak(bytes: number): Promise<SoakFigures> {
  const state = mkdtempSync(join(tmpdir(), 'sluice-soak-'));
  try {
    await using server = await PredictionServer.start();
    const file = writeConfiguration(state, { deployments: { d: server.url } });
    // Node lets its young generation grow to 48 MB and more while it loads; nothing of a server needs that (docs/guide/server.md).
    const environment = { NODE_OPTIONS: '--max-semi-space-size=8' };
    await using api = await startServe(file, state, [], environment);
    const memory = rssOf(api.process.pid!);
    const idleRss = memory.peak();
    const begun = performance.now();
    let uploaded = 0;
    let rows = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const text = rows === 0 ? ['id,text\n'] : [];
        for (let row = 0; row < ROWS_AT_ONCE; row += 1, rows += 1) text.push(`${rows},${FILLING}\n`);
        const chunk = Buffer.from(text.join(''));
        uploaded += chunk.length;
        controller.enqueue(chunk);
        if (uploaded >= bytes) controller.close();
      },
    });
    const { id } = await api.create({ deploymentId: 'd', passthroughColumns: ['id', 'text'] });
    const put = api.upload(id, body);
    await api.until(id, ({ status }) => status === 'RUNNING');
    // The record would keep what the server answers to it: it is not asked, nor kept.
    server.requests.push = () => 0;
    const { downloaded, read, wrong } = await checkResult(await api.request(`/batchPredictions/${id}/download/`));
    const { status } = await put;
    if (status !== 202) throw new Error(`the upload was answered ${status}`);
    const job = await api.ended(id);
    if (job.scoredRows !== rows || read !== rows) throw new Error(`${read} and ${job.scoredRows} of ${rows} rows`);
    const peakRss = memory.peak();
    return { uploaded, downloaded, rows, wrong, idleRss, peakRss, seconds: (performance.now() - begun) / 1000 };
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
function rssOf(pid: number): { peak(): number } {
  return {
    peak: () => 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN),
  };
}
