import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { resolveJob } from '../../../src/jobs/description/parse-job.ts';
import { Announcements, announcedJob } from '../../../src/jobs/kafka/announcements.ts';
import type { LiveDetail } from '../../../src/server/live/live-view.ts';
import type { ApiServer } from '../../support/api-server.ts';
import type { WorkerProcess } from '../../support/kafka-grid-worker.ts';
import { KafkaServe, servedJob, servedRows } from '../../support/kafka-serve.ts';
import { PredictionServer } from '../../support/prediction-server.ts';
import { needs } from '../../support/services/needs.ts';
import { until } from '../../support/until.ts';

const never = new AbortController().signal;
const ROWS = 20_000;
const WHOLE = servedRows(0, ROWS);
const BODY = { ...servedJob, chunkRows: 100 };

needs('kafka')('jobs of a server over Kafka', () => {
  let rig: KafkaServe;
  let api: ApiServer;
  let workers: readonly WorkerProcess[];
  let expected: string;

  beforeAll(async () => {
    rig = await KafkaServe.start();
    [api, workers] = await Promise.all([
      rig.api({ jobsPerServer: 2, allowTargets: ['localhost'] }),
      Promise.all([rig.worker('one'), rig.worker('two')]),
    ]);
    expected = await rig.direct(BODY, WHOLE);
  }, 120_000);
  afterAll(async () => await rig?.[Symbol.asyncDispose]());
  beforeEach(() => {
    rig.predictions.requests.length = 0;
    rig.predictions.options = {};
  });

  const detail = async (id: string): Promise<LiveDetail> =>
    (await (await api.request(`/live/jobs/${id}/`)).json()) as LiveDetail;

  test('are scored by all workers, shown with partitions and lag, and leave nothing on the cluster', async () => {
    rig.respond(() => (rig.scorers.size < 3 ? { after: wait(100) } : undefined));
    const { id } = await api.create({ ...BODY, chunkRows: 25 });
    expect((await api.upload(id, WHOLE)).status).toBe(202);
    await until(async () => ((await detail(id)).last?.topics?.workers ?? 0) === 3, 'three members');
    expect((await detail(id)).last?.topics).toMatchObject({ partitions: 4, lag: expect.any(Number) });
    const job = await api.ended(id);
    expect(job).toMatchObject({ status: 'COMPLETED', scoredRows: ROWS, failedRows: 0 });
    expect(await api.result(id)).toBe(expected);
    expect(rig.scorers).toEqual(new Set(['token-of-the-server', 'one', 'two']));
    const { history } = await detail(id);
    expect(Math.max(...(history?.lag ?? []).map((lag) => lag ?? 0))).toBeGreaterThan(0);
    await until(async () => (await rig.remains(id)).length === 0, 'nothing of it left');
    // The requests of workers count, too; at the most those are missing of a worker that left with no batch done behind them.
    const reply = await api.request('/deployments/d/serviceStats/');
    const { metrics } = (await reply.json()) as { metrics: { totalRequests: number; totalPredictions: number } };
    expect(metrics.totalRequests).toBeGreaterThanOrEqual(ROWS / 25);
    expect(metrics.totalRequests).toBeLessThanOrEqual(rig.predictions.requests.length);
    expect(metrics.totalPredictions).toBe(25 * metrics.totalRequests);
  });

  test('are shown with the requests of all workers: those under way, the limit, and how long they took of late', async () => {
    const seen = Promise.withResolvers<void>();
    // The server itself is answered soon, the workers late; nobody comes to the end of his rows meanwhile.
    rig.respond(({ headers }) => ({ after: wait(headers.authorization === 'Bearer token-of-the-server' ? 100 : 400) }));
    const { id } = await api.create({ ...BODY, chunkRows: 25 });
    await api.upload(id, WHOLE);
    await until(() => rig.scorers.size === 3, 'all of them at work');
    await until(async () => ((await detail(id)).last?.p99 ?? 0) > 300, 'the latency of workers');
    rig.respond(() => ({ after: seen.promise }));
    await until(async () => {
      const { last, history } = await detail(id);
      const shown = [last?.inFlight, last?.limit, history?.inFlight.at(-1)];
      return rig.predictions.inFlight === 4 && shown.every((figure) => figure === 4);
    }, 'a request of each partition');
    seen.resolve();
    expect((await api.ended(id)).status).toBe('COMPLETED');
    expect(await api.result(id)).toBe(expected);
    // The page hears of a job four times a second: of its end a moment after it.
    const requests = async (): Promise<number> => (await detail(id)).last?.requests ?? 0;
    await until(async () => (await requests()) >= ROWS / 25, 'the requests of all');
    expect(await requests()).toBeLessThanOrEqual(rig.predictions.requests.length);
  });

  test('are scored while their upload comes, and downloaded while they are scored', async () => {
    const { id } = await api.create(BODY);
    const second = Promise.withResolvers<void>();
    const halves = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from(servedRows(0, ROWS / 2));
      await second.promise;
      yield Buffer.from(servedRows(ROWS / 2, ROWS));
    };
    const uploading = api.upload(id, ReadableStream.from(halves()) as ReadableStream);
    await api.until(id, ({ scoredRows }) => scoredRows > 0);
    const reply = await api.request(`/batchPredictions/${id}/download/`);
    const reader = reply.body!.getReader();
    const first = await reader.read();
    expect(first.value?.length).toBeGreaterThan(0);
    second.resolve();
    expect((await uploading).status).toBe(202);
    const chunks = [first.value!];
    for (let next = await reader.read(); next.value !== undefined; next = await reader.read()) chunks.push(next.value);
    expect(Buffer.concat(chunks).toString()).toBe(expected);
    expect((await api.ended(id)).status).toBe('COMPLETED');
  });

  test('end with nothing left when they are aborted, also where a worker stands still, and the next one begins', async () => {
    rig.respond(() => ({ after: wait(200) }));
    const { id } = await api.create(BODY);
    await api.upload(id, WHOLE);
    await until(() => rig.scorers.size === 3, 'all of them at work');
    workers[0]!.signal('SIGSTOP');
    try {
      expect((await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' })).status).toBe(202);
      expect((await api.job(id)).status).toBe('ABORTED');
      rig.predictions.options = {};
      const next = await api.create(BODY);
      await api.upload(next.id, WHOLE);
      expect((await api.ended(next.id)).status).toBe('COMPLETED');
      expect(await api.result(next.id)).toBe(expected);
      await until(async () => (await rig.remains(id)).length === 0, 'nothing of it left');
    } finally {
      workers[0]!.signal('SIGCONT');
    }
  });

  test('have dead letters like others, which can be replayed', async () => {
    const reject = ([row]: readonly string[]): string | null => (Number(row) % 5_000 === 7 ? 'unknown' : null);
    rig.predictions.options = { reject, rejectAs: 'row' };
    const { id } = await api.create({ ...BODY, chunkRows: 500 });
    await api.upload(id, WHOLE);
    expect(await api.ended(id)).toMatchObject({ status: 'COMPLETED', scoredRows: ROWS - 4, failedRows: 4 });
    const letters = await (await api.request(`/live/jobs/${id}/letters/`)).json();
    expect(letters).toMatchObject({ letters: 4, causes: [{ kind: 'failed', letters: 4, cause: 'unknown' }] });
    rig.predictions.options = {};
    expect((await api.post(`/live/jobs/${id}/replay/`, {})).status).toBe(202);
    await api.until(id, ({ statusDetails }) => /Replay done .*: 4 rows scored, 0 failed again/.test(statusDetails));
    expect(await api.result(id)).toBe(expected);
  });

  test('of which one fails says why, and leaves nothing on the cluster', async () => {
    const reject = ([row]: readonly string[]): string | null => (Number(row) % 2 === 1 ? 'odd' : null);
    rig.predictions.options = { reject, rejectAs: 'row' };
    const { id } = await api.create({ ...BODY, chunkRows: 500 });
    await api.upload(id, WHOLE);
    expect(await api.ended(id)).toMatchObject({ status: 'ABORTED' });
    await until(async () => (await rig.remains(id)).length === 0, 'nothing of it left');
  });

  test('may name another prediction server, which gets no token of the workers; with a key of its own it is scored by the server alone', async () => {
    await using other = await PredictionServer.start();
    const { port } = new URL(other.url);
    const instance = { hostName: `localhost:${port}`, sslEnabled: false };
    const run = async (predictionInstance: object, says: string): Promise<ReadonlySet<string | undefined>> => {
      other.requests.length = 0;
      const { id } = await api.create({ ...BODY, predictionInstance });
      const said = Promise.all(workers.map((worker) => worker.says(new RegExp(says.replace('ID', id)))));
      other.options = { respond: () => ({ after: wait(20) }) };
      await api.upload(id, WHOLE);
      await said;
      const announced = await rig.ask(async (client) =>
        (await Announcements.open(client, rig.cluster)).find(id, never),
      );
      expect(announced).toMatchObject({ state: 'running', targets: ['localhost'] });
      expect(JSON.stringify(announced)).not.toMatch(/key-of-ann|token-of-the-server/);
      other.options = {};
      expect((await api.ended(id)).status).toBe('COMPLETED');
      expect(await api.result(id)).toBe(expected);
      return new Set(other.requests.map(({ headers }) => headers.authorization));
    };
    expect(await run(instance, 'joined the job ID')).toEqual(new Set([undefined]));
    const withKey = { ...instance, apiKey: 'key-of-ann' };
    expect(await run(withKey, 'the job ID has a key of its own')).toEqual(new Set(['Bearer key-of-ann']));
    for (const { said } of workers) expect(said).not.toContain('key-of-ann');
    expect(rig.predictions.requests).toEqual([]);
  });

  test('are announced with what may be connected to for them, and workers hold to it at each connection', async () => {
    await using other = await PredictionServer.start();
    const job = resolveJob({
      deployment: { id: 'd', server: other.url.replace('127.0.0.1', 'localhost') },
      intakeSettings: { file: 'in.csv' },
      outputSettings: { path: 'out.csv' },
    });
    const announced = async (name: string, targets: readonly string[], seen: () => Promise<void>): Promise<void> =>
      await rig.ask(async (client) => {
        const announcements = await Announcements.open(client, rig.cluster);
        const facts = {
          v: 1,
          name,
          epoch: name,
          run: name,
          identity: {},
          model: null,
          partitions: 1,
          job: announcedJob(job),
        } as const;
        await announcements.announce(name, { ...facts, state: 'running', targets }, never);
        await seen();
        await announcements.announce(name, null, never);
      });
    const [refused, allowed] = [`refused-${process.pid}`, `allowed-${process.pid}`];
    await announced(refused, [], () =>
      workers[0]!.says(new RegExp(`the job ${refused}: .*may not connect to localhost`)),
    );
    expect(other.connections).toBe(0);
    // It has no topics, but it may be asked for its model.
    await announced(allowed, ['localhost'], () => until(() => other.connections > 0, 'a worker asks the server'));
  });
});
