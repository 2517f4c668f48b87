import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeConfiguration } from '../support/api-server.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { type ServeProcess, startServe } from '../support/serve-process.ts';
import { postgresDatabase } from '../support/services/postgres.ts';
import { until } from '../support/until.ts';

const ROWS = 20_000;
const HEADER = 'id,x\n';
const rows = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `${from + i},some text of row ${from + i}\n`).join('');
const WHOLE = HEADER + rows(0, ROWS);
const RESULT = `y_PREDICTION,id\n${Array.from({ length: ROWS }, (_, i) => `${2 * i},${i}\n`).join('')}`;
const BODY = { deploymentId: 'd', passthroughColumns: ['id'], chunkRows: 200, numConcurrent: 2, limiter: 'fixed' };

let state = '';
let server: PredictionServer;
let delayMs = 0;
beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), 'sluice-killed-'));
  delayMs = 0;
  server = await PredictionServer.start({ respond: () => (delayMs > 0 ? { after: wait(delayMs) } : undefined) });
});
afterEach(async () => {
  await server.close();
  rmSync(state, { recursive: true, force: true });
});

const start = (settings: object = {}): Promise<ServeProcess> =>
  startServe(writeConfiguration(state, { deployments: { d: server.url }, server: settings }), state);

const file = (id: string, name: string): string => join(state, 'jobs', id, name);

/** Begins an upload and leaves it in the middle. */
async function halfUploaded(api: ServeProcess, id: string, bytes: number): Promise<void> {
  const { hostname, port } = new URL(api.base);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  const head = [
    `PUT /api/v2/batchPredictions/${id}/csvUpload/ HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    'Content-Type: text/csv',
    `Content-Length: ${WHOLE.length}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${WHOLE.slice(0, bytes)}`);
  const spooled = file(id, 'intake/part-000000.csv');
  await until(() => statSync(spooled, { throwIfNoEntry: false })?.size === bytes, 'the first half of the upload');
}

describe('a server that is killed (kill -9) goes on after the next start, and the result is right', () => {
  test('while a job waits for its upload', async () => {
    const before = await start();
    const { id } = await before.create(BODY);
    await before.kill();
    await using after = await start();
    expect((await after.job(id)).status).toBe('INITIALIZING');
    expect((await after.upload(id, WHOLE)).status).toBe(202);
    expect((await after.ended(id)).status).toBe('COMPLETED');
    expect(await after.result(id)).toBe(RESULT);
  });

  test.each([
    ['sent again', null],
    ['continued', 100_000],
  ])('in the middle of an upload, which is %s, with rows scored already', async (_, from) => {
    const before = await start();
    const { id } = await before.create(BODY);
    await halfUploaded(before, id, 300_000);
    await until(() => existsSync(file(id, 'result.csv.ledger.json')), 'the first commit');
    await before.kill();
    await using after = await start();
    const range = from === null ? {} : { 'content-range': `bytes ${from}-${WHOLE.length - 1}/${WHOLE.length}` };
    expect((await after.upload(id, WHOLE.slice(from ?? 0), range)).status).toBe(202);
    const job = await after.ended(id);
    expect(job.status, job.statusDetails).toBe('COMPLETED');
    expect(await after.result(id)).toBe(RESULT);
    expect(job).toMatchObject({ scoredRows: ROWS, jobIntakeSize: WHOLE.length, jobOutputSize: RESULT.length });
    expect(job.logs.some((line) => line.startsWith('Job continued processing at'))).toBe(true);
  });

  test('while rows are scored, again and again', async () => {
    delayMs = 40;
    let api = await start();
    const { id } = await api.create(BODY);
    expect((await api.upload(id, WHOLE)).status).toBe(202);
    let requests = 0;
    for (let kills = 0; kills < 3; kills += 1) {
      requests = server.requests.length;
      await until(() => server.requests.length > requests + 12, 'some requests');
      await api.kill();
      api = await start();
    }
    delayMs = 0;
    await using after = api;
    const job = await after.ended(id);
    expect(job.status, job.statusDetails).toBe('COMPLETED');
    expect(await after.result(id)).toBe(RESULT);
    expect(job.scoredRows).toBe(ROWS);
    // Rows of the last second before each kill came again, and not all of them.
    expect(server.requests.length).toBeLessThan(2 * (ROWS / 200));
  });

  test('while the result is published, at several moments of it', async () => {
    for (const [moment, pause] of [
      ['result.csv.manifest.json', 0],
      ['result.csv', 0],
      ['result.csv', 5],
    ] as const) {
      const before = await start();
      const { id } = await before.create(BODY);
      expect((await before.upload(id, WHOLE)).status).toBe(202);
      for (let left = 200_000; left > 0 && !existsSync(file(id, moment)); left -= 1) await wait(0);
      await wait(pause);
      await before.kill();
      await using after = await start();
      const job = await after.ended(id);
      expect(job.status, job.statusDetails).toBe('COMPLETED');
      expect(await after.result(id)).toBe(RESULT);
      expect(job).toMatchObject({ scoredRows: ROWS, failedRows: 0, jobOutputSize: RESULT.length });
    }
  });

  test('with a job aborted that nobody worked on any more: what it had is removed', async () => {
    delayMs = 100;
    const before = await start();
    const { id } = await before.create(BODY);
    await before.upload(id, WHOLE);
    await before.until(id, ({ status }) => status === 'RUNNING');
    await before.request(`/batchPredictions/${id}/`, { method: 'DELETE' });
    await before.kill();
    await using after = await start();
    expect((await after.job(id)).status).toBe('ABORTED');
    await until(() => !existsSync(join(state, 'jobs', id)), 'the folder is gone');
  });
});

test('a server that is stopped (SIGTERM) drains, and the job goes on after the next start where it was', async () => {
  delayMs = 100;
  const before = await start();
  // Small requests, so that the links hold little that is to be drained.
  const { id } = await before.create({ ...BODY, chunkSize: 6_000 });
  await before.upload(id, WHOLE);
  await before.until(id, ({ scoredRows }) => scoredRows > 0);
  const { code, stderr } = await before.stop();
  expect(code, stderr).toBe(0);
  const scored = (): number => server.requests.reduce((sum, request) => sum + request.rows.length, 0);
  expect(scored()).toBeLessThan(ROWS);
  const { bytes } = JSON.parse(readFileSync(file(id, 'result.csv.ledger.json'), 'utf8')) as { bytes: { rows: number } };
  expect(bytes.rows).toBeGreaterThan(0);
  delayMs = 0;
  await using after = await start();
  expect((await after.ended(id)).status).toBe('COMPLETED');
  expect(await after.result(id)).toBe(RESULT);
  // What was in flight when it was told to stop was finished: no row was scored twice.
  expect(scored()).toBe(ROWS);
});

describe('two servers on one PostgreSQL', () => {
  test('share jobs and queue; one that is killed is taken over by the other within 30 s, exactly once', async () => {
    await using database = await postgresDatabase();
    const { host, port, user, password } = database;
    const store = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database.database}`;
    delayMs = 100;
    const first = await start({ store });
    await using second = await start({ store });
    const { id } = await first.create(BODY);
    expect((await second.job(id)).status).toBe('INITIALIZING');
    // Uploaded at one and scored at either: the files are in the folder that they share.
    expect((await first.upload(id, WHOLE)).status).toBe(202);
    await second.until(id, ({ scoredRows }) => scoredRows > 0);
    const waiting = await second.create(BODY);
    expect((await second.upload(waiting.id, HEADER + rows(0, 10))).status).toBe(202);
    expect(await first.job(waiting.id)).toMatchObject({ status: 'INITIALIZING', queuePosition: 1 });
    const runner = await database.client.query('SELECT runner FROM sluice_jobs WHERE id = $1', [id]);
    expect(runner.rows[0]).toMatchObject({ runner: expect.any(String) });
    const download = second.result(id);
    await first.kill();
    const killed = performance.now();
    delayMs = 0;
    const job = await second.until(id, ({ status }) => status === 'COMPLETED', 40_000);
    expect(performance.now() - killed).toBeLessThan(30_000);
    expect(job.scoredRows).toBe(ROWS);
    expect(await download).toBe(RESULT);
    expect(await second.result(id)).toBe(RESULT);
    expect((await second.ended(waiting.id)).status).toBe('COMPLETED');
  });
});
