import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiClient, ShownJob } from '../../support/api-client.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { driftBaseline } from '../../support/drift-baseline.ts';
import { PredictionServer } from '../../support/prediction-server.ts';
import { kafkaService } from '../../support/services/kafka.ts';
import { needs } from '../../support/services/needs.ts';
import { postgresDatabase } from '../../support/services/postgres.ts';
import { ShiftedClock } from '../../support/shifted-clock.ts';

const PATH = '/deployments/d/monitoringBatches/';
let folder: string;
let baseline: string;

/** Rows `id,c`, so many with `a` and the others with `b`, with IDs from `from` on; the prediction is twice the ID. */
function csv(a: number, b: number, from = 0): string {
  return `id,c\n${Array.from({ length: a + b }, (_, i) => `${from + i},${i < a ? 'a' : 'b'}\n`).join('')}`;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-batches-'));
  // 50 a and 50 b; and of predictions 50 of 1 and 50 of 2.
  baseline = await driftBaseline(folder, csv(50, 50), 50);
});

afterAll(() => rmSync(folder, { recursive: true }));

interface Options {
  readonly clock?: ShiftedClock;
  readonly server?: object;
  readonly kafka?: object;
  readonly state?: string;
  readonly token?: string;
}

function start(prediction: PredictionServer, { server = {}, kafka, ...options }: Options = {}): Promise<ApiServer> {
  return startApi({
    deployments: {},
    configuration: {
      ...(kafka === undefined ? {} : { kafka }),
      deployments: {
        d: { server: prediction.url, baseline, associationId: 'id', accuracy: true },
        other: { server: prediction.url },
      },
    },
    server,
    ...options,
  });
}

interface ShownBatch {
  readonly id: string;
  readonly batchName: string;
  readonly [field: string]: unknown;
}

interface Page {
  readonly totalCount: number;
  readonly next: string | null;
  readonly data: readonly ShownBatch[];
}

async function get<T>(api: ApiClient, path: string): Promise<T> {
  const reply = await api.request(path);
  expect(reply.status, await reply.clone().text()).toBe(200);
  return (await reply.json()) as T;
}

async function make(api: ApiClient, batchName: string): Promise<ShownBatch> {
  const reply = await api.post(PATH, { batchName });
  expect(reply.status, await reply.clone().text()).toBe(201);
  return (await reply.json()) as ShownBatch;
}

async function score(api: ApiClient, rows: string, body: object): Promise<ShownJob> {
  const job = await api.create({ deploymentId: 'd', ...body });
  expect((await api.upload(job.id, rows)).status).toBe(202);
  const ended = await api.ended(job.id);
  expect(ended.status, ended.statusDetails).toBe('COMPLETED');
  return ended;
}

function batchOf(job: ShownJob): string {
  expect(job['monitoringBatchId']).toMatch(/^[0-9a-f]{24}$/);
  return job['monitoringBatchId'] as string;
}

async function drift(api: ApiClient, query = ''): Promise<{ readonly score: number | null; readonly rows: number }> {
  const { data } = await get<{ data: readonly { driftScore: number | null; sampleSize: number }[] }>(
    api,
    `/deployments/d/featureDrift/?${query}`,
  );
  return { score: data[0]!.driftScore, rows: data[0]!.sampleSize };
}

async function refusal(api: ApiClient, path: string, body?: object): Promise<readonly [number, string]> {
  const reply = await (body === undefined ? api.request(path) : api.post(path, body));
  return [reply.status, ((await reply.json()) as { readonly message: string }).message];
}

/** By hand: 80 of a and 20 of b, where 50 and 50 were expected. */
const SHIFTED = 0.3 * Math.log(0.8 / 0.5) - 0.3 * Math.log(0.2 / 0.5);

interface Place {
  readonly options: Options;
  close(): Promise<void>;
}

const places: readonly { name: string; group: typeof describe.skip; place: () => Promise<Place> }[] = [
  { name: 'SQLite', group: describe, place: async () => ({ options: {}, close: async () => undefined }) },
  {
    name: 'PostgreSQL',
    group: needs('postgres'),
    place: async () => {
      const database = await postgresDatabase();
      const { user, password, host, port, database: name } = database;
      const store = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
      return { options: { server: { store } }, close: async () => await database[Symbol.asyncDispose]() };
    },
  },
  {
    name: 'Kafka',
    group: needs('kafka'),
    place: async () => {
      const { brokers } = await kafkaService();
      return { options: { kafka: { brokers } }, close: async () => undefined };
    },
  },
];

for (const { name, group, place } of places)
  group(`batches of a server with ${name}`, () => {
    let found: Place;
    beforeAll(async () => {
      found = await place();
    }, 120_000);
    afterAll(async () => await found?.close());

    test('of two jobs each have their own drift, accuracy and requests, also after a restart', async () => {
      await using prediction = await PredictionServer.start();
      await using before = await start(prediction, found.options);
      const same = batchOf(await score(before, csv(50, 50), { monitoringBatchPrefix: 'same' }));
      const shifted = batchOf(await score(before, csv(80, 20, 100), { monitoringBatchPrefix: 'shifted' }));
      await score(before, csv(10, 0, 200), {});
      expect(await drift(before)).toMatchObject({ rows: 210 });
      const data = Array.from({ length: 200 }, (_, id) => ({
        associationId: String(id),
        // Errors of 1 in the first batch, and of 3 in the second.
        actualValue: 2 * id + (id < 100 ? 1 : 3),
      }));
      expect((await before.post('/deployments/d/actuals/fromJSON/', { data })).status).toBe(202);
      const { state } = before;
      await before.server.close();
      await using api = await start(prediction, { ...found.options, state });
      expect(await drift(api, `batchId=${same}`)).toEqual({ score: 0, rows: 100 });
      expect(await drift(api, `batchId=${shifted}`)).toEqual({ score: expect.closeTo(SHIFTED, 10), rows: 100 });
      expect(await drift(api, `batchId=${same}&batchId=${shifted}`)).toMatchObject({ rows: 200 });
      const of = <T>(route: string, batch: string): Promise<T> =>
        get<T>(api, `/deployments/d/${route}/?batchId=${batch}`);
      const reply = await of<{ batchId: string[]; sampleSize: number }>('targetDrift', same);
      expect(reply).toMatchObject({ batchId: [same], sampleSize: 100 });
      for (const [batch, error] of [
        [same, 1],
        [shifted, 3],
      ] as const) {
        const { metrics } = await of<{ metrics: Record<string, { value: number }> }>('accuracy', batch);
        expect(metrics['MAE']!.value).toBeCloseTo(error, 12);
        const { summary } = await of<{ summary: object }>('accuracyOverTime', batch);
        expect(summary).toMatchObject({ value: error, sampleSize: 100 });
        expect(await of('predictionResults', batch)).toMatchObject({ totalCount: 100 });
        expect(await of('predictionsVsActualsOverTime', batch)).toMatchObject({
          summary: { rowCountTotal: 100, rowCountWithActual: 100 },
        });
        const stats = await of<{ metrics: object }>('serviceStats', batch);
        expect(stats.metrics).toMatchObject({ totalPredictions: 100 });
        expect(await of('serviceStatsOverTime', batch)).toMatchObject({ summary: { value: 100 } });
        const spread = await of<{ buckets: readonly { rowCount: number }[] }>('predictionsOverTime', batch);
        expect(spread.buckets.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(100);
        const overTime = await of<{ buckets: readonly { features: readonly { sampleSize: number }[] }[] }>(
          'featureDriftOverTime',
          batch,
        );
        expect(overTime.buckets.reduce((sum, { features }) => sum + features[0]!.sampleSize, 0)).toBe(100);
      }
      const listed = await get<Page>(api, `${PATH}?orderBy=name`);
      expect(listed.data.map(({ id }) => id)).toEqual([same, shifted]);
    });
  });

describe('a batch that is made by itself', () => {
  test('is shown with its address, and has the rows of all jobs that name it', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const reply = await api.post(PATH, { batchName: ' november ' });
    expect(reply.status).toBe(201);
    const batch = (await reply.json()) as ShownBatch;
    expect(reply.headers.get('location')).toBe(`${api.base}${PATH}${batch.id}/`);
    expect(batch).toMatchObject({
      batchName: 'november',
      deploymentId: 'd',
      batchPredictionJobId: null,
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      createdBy: { username: expect.any(String) },
      earliestPredictionTimestamp: null,
      latestPredictionTimestamp: null,
    });
    expect(await get(api, `${PATH}${batch.id}/`)).toEqual(batch);
    expect(await drift(api, `batchId=${batch.id}`)).toEqual({ score: null, rows: 0 });
    await score(api, csv(30, 10), {});
    for (const rows of [csv(30, 10), csv(50, 10, 40)])
      expect(batchOf(await score(api, rows, { monitoringBatchId: batch.id }))).toBe(batch.id);
    expect(await drift(api, `batchId=${batch.id}`)).toEqual({ score: expect.closeTo(SHIFTED, 10), rows: 100 });
    expect(await drift(api)).toMatchObject({ rows: 140 });
    const now = await get<ShownBatch>(api, `${PATH}${batch.id}/`);
    expect(Date.parse(String(now['latestPredictionTimestamp']))).toBeGreaterThanOrEqual(
      Date.parse(String(now['earliestPredictionTimestamp'])),
    );
  });

  test('has a name that no other one of the deployment has, and is refused with the field', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    await make(api, 'one');
    expect(await refusal(api, PATH, { batchName: 'one' })).toEqual([422, expect.stringContaining('"one" already')]);
    expect((await api.post('/deployments/other/monitoringBatches/', { batchName: 'one' })).status).toBe(201);
    expect((await refusal(api, '/deployments/none/monitoringBatches/', { batchName: 'x' }))[0]).toBe(404);
    for (const wrong of [
      {},
      { batchName: ' ' },
      { batchName: 'a\u0000b' },
      { batchName: 'x'.repeat(401) },
      { name: 'x' },
    ])
      expect(await refusal(api, PATH, wrong)).toEqual([422, expect.stringMatching(/batchName|unknown field/)]);
  });

  test('is listed, page by page, by name, time and maker', async () => {
    const clock = new ShiftedClock('2026-03-01T10:00:00.000Z');
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, { clock });
    for (const [day, batchName] of ['Berlin', 'oslo', '100% Berlin'].entries()) {
      clock.set(`2026-03-0${1 + day}T10:00:00.000Z`);
      await make(api, batchName);
    }
    const names = async (query: string): Promise<readonly string[]> =>
      (await get<Page>(api, `${PATH}?${query}`)).data.map(({ batchName }) => batchName);
    expect(await names('')).toEqual(['100% Berlin', 'oslo', 'Berlin']);
    expect(await names('orderBy=name')).toEqual(['100% Berlin', 'Berlin', 'oslo']);
    expect(await names('search=BERLIN&orderBy=createdAt')).toEqual(['Berlin', '100% Berlin']);
    expect(await names('search=0%25 b')).toEqual(['100% Berlin']);
    expect(await names('createdAfter=2026-03-02&createdBefore=2026-03-03')).toEqual(['oslo']);
    expect(await names('createdBy=nobody')).toEqual([]);
    const first = await get<Page>(api, `${PATH}?limit=2`);
    expect(first).toMatchObject({ count: 2, totalCount: 3, previous: null });
    expect((await get<Page>(api, first.next!)).data.map(({ batchName }) => batchName)).toEqual(['Berlin']);
    const { id } = first.data[0]!;
    expect(await names(`search=${id}`)).toEqual(['100% Berlin']);
    expect((await refusal(api, `${PATH}?orderBy=size`))[0]).toBe(422);
    expect((await refusal(api, `${PATH}?search=%00`))[0]).toBe(422);
  });
});

describe('the batch of a job', () => {
  test('is named by its prefix and its ID; each job of the same settings has one of its own', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const job = await score(api, csv(5, 5), { monitoringBatchPrefix: 'nightly' });
    expect(job.jobSpec).toMatchObject({ monitoringBatchPrefix: 'nightly', monitoringBatchId: null });
    const reply = await api.post('/batchPredictions/fromExisting/', { predictionJobId: job.id });
    const again = (await reply.json()) as ShownJob;
    const body = { name: 'again', deploymentId: 'd', monitoringBatchPrefix: 'defined' };
    const made = await api.post('/batchPredictionJobDefinitions/', body);
    const definition = (await made.json()) as { readonly id: string };
    const run = await api.post('/batchPredictions/fromJobDefinition/', { jobDefinitionId: definition.id });
    const third = (await run.json()) as ShownJob;
    const jobs = [job, again, third];
    const shown = await Promise.all(jobs.map((one) => get<ShownBatch>(api, `${PATH}${batchOf(one)}/`)));
    expect(shown.map(({ batchName }) => batchName)).toEqual([
      `nightly ${job.id}`,
      `nightly ${again.id}`,
      `defined ${third.id}`,
    ]);
    expect(shown.map(({ batchPredictionJobId }) => batchPredictionJobId)).toEqual(jobs.map(({ id }) => id));
    // The command line has no batches.
    const portable = await api.request(`/batchPredictionJobDefinitions/${definition.id}/portable/`);
    expect(await portable.text()).not.toContain('monitoringBatch');
    expect(await api.create({ deploymentId: 'd' })).not.toHaveProperty('monitoringBatchId');
  });

  test('has the rows that a replay of its dead letters has scored, too', async () => {
    await using prediction = await PredictionServer.start({
      reject: ([id]) => (id === '7' ? 'no' : null),
      rejectAs: 'row',
    });
    await using api = await start(prediction);
    const job = await score(api, csv(80, 20), { monitoringBatchPrefix: 'mended' });
    const batch = `batchId=${batchOf(job)}`;
    const results = (): Promise<object> => get(api, `/deployments/d/predictionResults/?${batch}`);
    expect(await drift(api, batch)).toMatchObject({ rows: 99 });
    expect(await results()).toMatchObject({ totalCount: 99 });
    prediction.options = {};
    expect((await api.post(`/live/jobs/${job.id}/replay/`, {})).status).toBe(202);
    await api.until(job.id, ({ statusDetails }) => statusDetails.startsWith('Replay done'));
    expect(await drift(api, batch)).toEqual({ score: expect.closeTo(SHIFTED, 10), rows: 100 });
    expect(await results()).toMatchObject({ totalCount: 100 });
  });

  test('is looked at as a whole, however long ago it was, unless a time is asked for', async () => {
    const clock = new ShiftedClock('2026-03-01T10:00:00.000Z');
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, { clock });
    const batch = `batchId=${batchOf(await score(api, csv(50, 50), { monitoringBatchPrefix: 'old' }))}`;
    clock.set('2026-04-01T10:00:00.000Z');
    expect(await drift(api)).toMatchObject({ rows: 0 });
    expect(await drift(api, batch)).toMatchObject({ rows: 100 });
    expect(await get(api, `/deployments/d/predictionResults/?${batch}`)).toMatchObject({ totalCount: 100 });
    expect(await drift(api, `${batch}&start=2026-03-20T00:00:00Z`)).toMatchObject({ rows: 0 });
  });

  test('must be known, of the same deployment, and one alone', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const { id } = await make(api, 'one');
    const create = (body: object): Promise<readonly [number, string]> =>
      refusal(api, '/batchPredictions/', { deploymentId: 'd', ...body });
    const unknown = '0'.repeat(24);
    expect(await create({ monitoringBatchId: unknown })).toEqual([422, expect.stringContaining(unknown)]);
    expect(await create({ monitoringBatchId: id, deploymentId: 'other' })).toEqual([
      422,
      expect.stringContaining('no batch of monitoring'),
    ]);
    expect(await create({ monitoringBatchId: id, monitoringBatchPrefix: 'x' })).toEqual([
      422,
      expect.stringContaining('in one batch'),
    ]);
    const definition = { deploymentId: 'd', monitoringBatchId: unknown };
    expect((await refusal(api, '/batchPredictionJobDefinitions/', definition))[0]).toBe(422);
    for (const route of ['featureDrift', 'targetDrift', 'featureDriftOverTime', 'serviceStats', 'serviceStatsOverTime'])
      expect((await refusal(api, `/deployments/d/${route}/?batchId=${unknown}`))[0], route).toBe(404);
    for (const route of ['accuracy', 'accuracyOverTime', 'predictionResults', 'predictionsOverTime'])
      expect((await refusal(api, `/deployments/d/${route}/?batchId=${id}&batchId=x`))[0], route).toBe(404);
    expect((await refusal(api, `/deployments/other/serviceStats/?batchId=${id}`))[0]).toBe(404);
    expect((await refusal(api, `${PATH}${unknown}/`))[0]).toBe(404);
    // None of these jobs was made.
    expect(await get(api, '/batchPredictions/')).toMatchObject({ totalCount: 0 });
  });
});

test('a batch is seen by who made it and by admins, and others cannot put jobs into it', async () => {
  const tokens = [
    { token: 'token-of-anna', user: 'anna' },
    { token: 'token-of-boris', user: 'boris' },
    { token: 'token-of-cleo', user: 'cleo', role: 'admin' },
    { token: 'token-of-anna-who-reads', user: 'anna', role: 'read' },
  ];
  await using prediction = await PredictionServer.start();
  await using anna = await start(prediction, { server: { tokens }, token: 'token-of-anna' });
  const as = (token: string, path: string, init: RequestInit = {}): Promise<Response> =>
    anna.request(path, {
      ...init,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
  const { id } = await make(anna, 'of anna');
  await score(anna, csv(5, 5), { monitoringBatchId: id });
  const asked = [
    `${PATH}${id}/`,
    `/deployments/d/featureDrift/?batchId=${id}`,
    `/deployments/d/accuracy/?batchId=${id}`,
  ];
  for (const path of asked) {
    expect((await as('token-of-boris', path)).status, path).toBe(404);
    expect((await as('token-of-cleo', path)).status, path).toBe(200);
    expect((await as('token-of-anna-who-reads', path)).status, path).toBe(200);
  }
  const count = async (token: string): Promise<number> => ((await (await as(token, PATH)).json()) as Page).totalCount;
  expect([await count('token-of-boris'), await count('token-of-cleo')]).toEqual([0, 1]);
  const job = { method: 'POST', body: JSON.stringify({ deploymentId: 'd', monitoringBatchId: id }) };
  for (const token of ['token-of-boris', 'token-of-cleo'])
    expect((await as(token, '/batchPredictions/', job)).status, token).toBe(422);
  const another = { method: 'POST', body: JSON.stringify({ batchName: 'x' }) };
  expect((await as('token-of-anna-who-reads', PATH, another)).status).toBe(403);
  expect((await as('no-such-token', PATH)).status).toBe(401);
});

test('a deployment has so many batches a day, whatever they are made by; a job that would need one more is not made', async () => {
  const clock = new ShiftedClock('2026-03-01T10:00:00.000Z');
  await using prediction = await PredictionServer.start();
  await using api = await start(prediction, { clock, server: { limits: { monitoringBatchesPerDay: 2 } } });
  await make(api, 'one');
  // A name that is taken does not count.
  expect((await refusal(api, PATH, { batchName: 'one' }))[0]).toBe(422);
  await api.create({ deploymentId: 'd', monitoringBatchPrefix: 'two' });
  const tooMany = [422, expect.stringMatching(/^2 batches of monitoring of the deployment d were made today/)];
  expect(await refusal(api, PATH, { batchName: 'three' })).toEqual(tooMany);
  const body = { deploymentId: 'd', monitoringBatchPrefix: 'three' };
  expect(await refusal(api, '/batchPredictions/', body)).toEqual(tooMany);
  expect(await get(api, '/batchPredictions/')).toMatchObject({ totalCount: 1 });
  expect(await get(api, PATH)).toMatchObject({ totalCount: 2 });
  await api.create({ deploymentId: 'd' });
  await api.create({ deploymentId: 'other', monitoringBatchPrefix: 'three' });
  clock.set('2026-03-02T00:00:01.000Z');
  await make(api, 'three');
});
