/**
 * What the API costs: many small jobs, one large one against `sluice run` on the same file, and clients that poll while it runs.
 * Run: node test/bench/server.ts [rows of the large job, 2,000,000 by default]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { writeConfiguration } from '../support/api-server.ts';
import { sluice } from '../support/command-line.ts';
import { type ServeProcess, startServe } from '../support/serve-process.ts';
import { rowsFile } from './pipeline/rows-file.ts';

const ROWS = Number(process.argv[2] ?? 2_000_000);
const SMALL_JOBS = 200;
const AT_ONCE = 16;
const POLLERS = 100;
/** Of the large job; medians count. */
const ROUNDS = 5;

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-serve-'));
const file = join(folder, 'rows.csv');
const SMALL = `id,x\n${Array.from({ length: 100 }, (_, i) => `${i},${i % 7}\n`).join('')}`;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1]!;
}

async function smallJobs(api: ServeProcess): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < SMALL_JOBS) {
      next += 1;
      const { id } = await api.create({ deploymentId: 'd' });
      await api.upload(id, SMALL);
      await completed(api, id);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Looks ten times a second, which is more than any client does: looking more often would be what is measured. */
async function completed(api: ServeProcess, id: string): Promise<void> {
  for (;;) {
    const { status, logs } = await api.job(id);
    if (status === 'COMPLETED') return;
    if (status === 'ABORTED') throw new Error(`a small job is aborted: ${logs.at(-1)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** By plain requests: the streams of `fetch` would take more of the two cores than the server does. */
async function largeJob(api: ServeProcess): Promise<void> {
  const { id } = await api.create({ deploymentId: 'd', passthroughColumns: ['id'] });
  const headers = { 'content-type': 'text/csv', 'content-length': statSync(file).size };
  const put = request(`${api.base}/batchPredictions/${id}/csvUpload/`, { method: 'PUT', headers });
  const answered = once(put, 'response') as Promise<[IncomingMessage]>;
  const sent = pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), put);
  await api.until(id, ({ status }) => status !== 'INITIALIZING');
  const got = request(`${api.base}/batchPredictions/${id}/download/`).end();
  const [reply] = (await once(got, 'response')) as [IncomingMessage];
  for await (const _ of reply);
  await sent;
  const [{ statusCode }] = await answered;
  if (statusCode !== 202 || reply.statusCode !== 200) throw new Error(`${statusCode} and ${reply.statusCode}`);
}

/** How long the work takes while clients poll; not how long they take to hear that it is over. */
async function secondsPolled(api: ServeProcess, work: () => Promise<unknown>): Promise<number> {
  const polled = await api.create({ deploymentId: 'd' });
  const ended = new AbortController();
  const poll = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await api.job(polled.id);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  };
  const pollers = Array.from({ length: POLLERS }, poll);
  const time = await seconds(work);
  ended.abort();
  await Promise.all(pollers);
  return time;
}

const script = join(import.meta.dirname, 'pipeline/null-server.ts');
const server = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
try {
  const [port] = (await once(server.stdout!, 'data')) as [Buffer];
  const url = `http://127.0.0.1:${port.toString().trim()}`;
  await rowsFile(file, ROWS);
  const job = {
    deployment: { id: 'd', server: url },
    intakeSettings: { file },
    outputSettings: { path: join(folder, 'out.csv') },
    passthroughColumns: ['id'],
  };
  writeFileSync(join(folder, 'job.json'), JSON.stringify(job));
  const aloneTimes: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1)
    aloneTimes.push(
      await seconds(async () => {
        const { code, stderr } = await sluice(['run', join(folder, 'job.json'), '--quiet', '--overwrite']);
        if (code !== 0) throw new Error(stderr);
      }),
    );
  const alone = median(aloneTimes);
  await using api = await startServe(writeConfiguration(folder, { deployments: { d: url } }), folder);
  await largeJob(api);
  const [servedTimes, polledTimes]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    servedTimes.push(await seconds(() => largeJob(api)));
    polledTimes.push(await secondsPolled(api, () => largeJob(api)));
  }
  const [served, polled] = [median(servedTimes), median(polledTimes)];
  const small = await seconds(() => smallJobs(api));
  await api.stop();
  const fourAtOnce = writeConfiguration(folder, { deployments: { d: url }, server: { jobsPerServer: 4 } });
  await using another = await startServe(fourAtOnce, folder);
  const smallAtOnce = await seconds(() => smallJobs(another));
  const rate = (time: number): string => `${Math.round(ROWS / time / 1000).toLocaleString('en')}k rows/s`;
  console.log(`${ROWS.toLocaleString('en')} rows, ${(statSync(file).size / 1e6).toFixed(0)} MB`);
  console.log(`sluice run            ${alone.toFixed(1)} s  ${rate(alone)}`);
  console.log(
    `upload to download    ${served.toFixed(1)} s  ${rate(served)}  ${((100 * alone) / served).toFixed(0)} % of run`,
  );
  console.log(`the same, ${POLLERS} polling ${polled.toFixed(1)} s  ${rate(polled)}`);
  const jobs = (time: number): string => `${time.toFixed(1)} s  ${(SMALL_JOBS / time).toFixed(0)} jobs/s`;
  console.log(`${SMALL_JOBS} jobs of 100 rows  ${jobs(small)}`);
  console.log(`the same, jobsPerServer: 4  ${jobs(smallAtOnce)}`);
} finally {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}
