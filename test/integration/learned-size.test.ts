import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type JobInput, runJob } from '../../src/index.ts';
import { PredictionServer } from '../support/prediction-server.ts';

const ROWS = 3_000;
const ROW_BYTES = 8_000;
/** Where `auto` begins. */
const FIRST_BYTES = 256 * 1024;
/** What servers of these tests refuse is larger. */
const MOST_BYTES = 200_000;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-learned-'));
  const rows = Array.from({ length: ROWS }, (_, i) => `${i},${'z'.repeat(ROW_BYTES)}\n`);
  writeFileSync(join(folder, 'rows.csv'), `id,x\n${rows.join('')}`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function job(server: PredictionServer, output: string, settings: Partial<JobInput> = {}) {
  return {
    deployment: { id: 'd', server: server.url },
    intakeSettings: { file: join(folder, 'rows.csv') },
    outputSettings: { path: join(folder, output) },
    passthroughColumns: ['id'],
    ...settings,
  };
}

test('batches are cut below what the server refused, and not a byte of the output is another', async () => {
  await using server = await PredictionServer.start();
  await runJob(job(server, 'given.csv', { chunkSize: FIRST_BYTES })).result;
  const before = server.requests.length;
  server.options = { maxBytes: MOST_BYTES };
  await runJob(job(server, 'learned.csv')).result;
  const learned = server.requests.slice(before).map(({ body }) => body.length);
  expect(learned.filter((bytes) => bytes > MOST_BYTES).length).toBeLessThan(20);
  // Not halves of what was cut before; only the last batch of the file is smaller.
  expect(learned.slice(-20).filter((bytes) => bytes < 0.75 * MOST_BYTES).length).toBeLessThanOrEqual(1);
  expect(readFileSync(join(folder, 'learned.csv'))).toEqual(readFileSync(join(folder, 'given.csv')));
});

test('an interrupted job is continued with requests of other sizes, and its output is the same', async () => {
  const silence = Promise.withResolvers<void>();
  await using server = await PredictionServer.start({
    respond: ({ number }) => (number < 40 ? undefined : { after: silence.promise }),
  });
  const run = runJob(job(server, 'continued.csv'), { commits: { everyMs: 50 } });
  const stopped = expect(run.result).rejects.toMatchObject({ code: 'JOB_INTERRUPTED' });
  for await (const { tally } of run) if (tally.read > 0) break;
  run.abort();
  await stopped;
  silence.resolve();
  server.options = { maxBytes: MOST_BYTES };
  const { progress } = await runJob(job(server, 'continued.csv')).result;
  expect(progress.continuedFrom).toBeGreaterThan(0);
  expect(readFileSync(join(folder, 'continued.csv'))).toEqual(readFileSync(join(folder, 'given.csv')));
});

test('where the end of a batch is seen in the output, all are cut alike', async () => {
  await using server = await PredictionServer.start({ maxBytes: MOST_BYTES });
  await runJob(job(server, 'packed.csv.gz')).result;
  // Halves of what was cut, to the end; only the last batch of the file is smaller.
  const taken = server.requests.map(({ body }) => body.length).filter((bytes) => bytes <= MOST_BYTES);
  expect(taken.filter((bytes) => bytes > 0.55 * FIRST_BYTES).length).toBeLessThanOrEqual(1);
  expect(gunzipSync(readFileSync(join(folder, 'packed.csv.gz')))).toEqual(readFileSync(join(folder, 'given.csv')));
});
