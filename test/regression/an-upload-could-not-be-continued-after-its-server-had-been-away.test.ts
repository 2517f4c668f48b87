import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../support/api-server.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { ShiftedClock } from '../support/shifted-clock.ts';
import { until } from '../support/until.ts';

let state = '';
beforeAll(() => {
  state = mkdtempSync(join(tmpdir(), 'sluice-away-'));
});
afterAll(() => rmSync(state, { recursive: true, force: true }));

const whole = `id,x\n${Array.from({ length: 1_000 }, (_, i) => `${i},x\n`).join('')}`;
const scored = `y_PREDICTION\n${Array.from({ length: 1_000 }, (_, i) => `${2 * i}\n`).join('')}`;

/** Begins an upload whose client then goes. */
async function begin(api: ApiServer, id: string): Promise<void> {
  const { hostname, port, host } = new URL(api.base);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  const head = [
    `PUT /api/v2/batchPredictions/${id}/csvUpload/ HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: text/csv',
    `Content-Length: ${whole.length}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${whole.slice(0, 2_000)}`);
  await api.until(id, ({ status }) => status === 'RUNNING');
  socket.destroy();
}

test('a server that was away for longer than uploads are waited for waits for them anew', async () => {
  await using server = await PredictionServer.start();
  const deployments = { d: server.url };
  let id = '';
  {
    await using before = await startApi({ state, deployments });
    ({ id } = await before.create({ deploymentId: 'd' }));
    await begin(before, id);
  }
  // An hour later; uploadResumeSeconds is ten minutes.
  const clock = new ShiftedClock(new Date(Date.now() + 3_600_000).toISOString());
  await using api = await startApi({ state, deployments, clock });
  const { store } = api.server.service;
  await until(async () => {
    const record = await store.get(id);
    // It has been looked at a few times.
    return record?.status === 'ABORTED' || (record?.claim?.beat ?? 0) >= 3;
  }, 'the job to be gone on with');
  expect((await api.job(id)).statusDetails).toMatch(/continued processing/);
  expect((await api.upload(id, whole)).status).toBe(202);
  expect((await api.ended(id)).status).toBe('COMPLETED');
  expect(await api.result(id)).toBe(scored);
});
