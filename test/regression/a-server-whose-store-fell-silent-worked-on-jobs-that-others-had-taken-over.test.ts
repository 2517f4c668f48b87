import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Replicas } from '../support/replicas.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let replicas: Replicas;
beforeAll(async () => {
  replicas = await Replicas.start();
});
afterAll(() => replicas[Symbol.asyncDispose]());

const whole = `id,x\n${Array.from({ length: 1_000 }, (_, i) => `${i},x\n`).join('')}`;
const scored = `y_PREDICTION\n${Array.from({ length: 1_000 }, (_, i) => `${2 * i}\n`).join('')}`;

test('whoever hears nothing of the store lets go of a job before its claim is void', async () => {
  await using proxy = await TcpProxy.start(replicas.database);
  await using first = await replicas.replica(proxy);
  const { id } = await first.create({ deploymentId: 'd' });
  const { hostname, port, host } = new URL(first.base);
  const client = connect(Number(port), hostname);
  client.on('error', () => undefined);
  const head = `PUT /api/v2/batchPredictions/${id}/csvUpload/ HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/csv\r\n`;
  client.write(`${head}Content-Length: ${whole.length}\r\n\r\n${whole.slice(0, 2_000)}`);
  await first.until(id, ({ status }) => status === 'RUNNING');
  client.destroy();
  await using second = await replicas.replica(replicas.database);
  const { store } = second.server.service;
  const runner = (await store.get(id))?.claim?.runner;
  expect(runner).toBeDefined();
  try {
    // The network loses what is sent, as where a machine has gone: no connection ends.
    proxy.look = () => 'swallow';
    await until(
      async () => {
        const { claim = null } = (await store.get(id)) ?? {};
        return claim !== null && claim.runner !== runner && claim.beat >= 2;
      },
      'the job to be taken over',
      40_000,
    );
    // Were the first still at it, the second would have found the result locked.
    const job = await second.job(id);
    expect(job.logs.filter((line) => line.includes('interrupted'))).toEqual([]);
    expect((await second.upload(id, whole)).status).toBe(202);
    expect((await second.ended(id)).status).toBe('COMPLETED');
    expect(await second.result(id)).toBe(scored);
  } finally {
    proxy.look = () => 'forward';
    proxy.breakAll();
  }
});

test('whoever hears nothing of the store lets go of a replay, too', async () => {
  await using proxy = await TcpProxy.start(replicas.database);
  await using first = await replicas.replica(proxy);
  await using second = await replicas.replica(replicas.database);
  const { store } = second.server.service;
  replicas.prediction.options = { reject: ([id]) => (id === '7' ? 'unknown' : null), rejectAs: 'row' };
  const { id } = await first.create({ deploymentId: 'd', abortOnError: false });
  expect((await first.upload(id, whole)).status).toBe(202);
  expect(await first.ended(id)).toMatchObject({ status: 'COMPLETED', failedRows: 1 });
  replicas.prediction.options = { respond: () => ({ after: new Promise(() => undefined) }) };
  const asked = replicas.prediction.requests.length;
  expect((await first.post(`/live/jobs/${id}/replay/`, {})).status).toBe(202);
  await until(() => replicas.prediction.requests.length > asked, 'the replay to score');
  try {
    proxy.look = () => 'swallow';
    replicas.prediction.options = {};
    await until(async () => (await store.get(id))?.claim === null, 'the claim of the replay to be void', 40_000);
    expect((await second.post(`/live/jobs/${id}/replay/`, {})).status).toBe(202);
    const { statusDetails } = await second.until(id, (job) => /Replay (done|ended)/.test(job.statusDetails));
    // Were the first still at it, the second would have found the result locked.
    expect(statusDetails).toMatch(/Replay done .* 1 rows scored, 0 failed again/);
    expect(await second.result(id)).toBe(scored);
  } finally {
    proxy.look = () => 'forward';
    proxy.breakAll();
  }
});
