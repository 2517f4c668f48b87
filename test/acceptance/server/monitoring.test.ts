import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startModelServer } from '../../../src/model-server/index.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { driftBaseline } from '../../support/drift-baseline.ts';
import { PredictionServer } from '../../support/prediction-server.ts';
import { ShiftedClock } from '../../support/shifted-clock.ts';
import { WebServer } from '../../support/web-server.ts';

let folder: string;
let baseline: string;

/** Rows `id,c`, so many with `a` and the others with `b`; the prediction is a tenth of `id`. */
function csv(a: number, b: number, from = 0): string {
  const rows = Array.from({ length: a + b }, (_, i) => `${from + ((i * 7919) % 1009)},${i < a ? 'a' : 'b'}\n`);
  return `id,c\n${rows.join('')}`;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-monitored-'));
  // 500 a and 500 b; and of predictions 500 of 1 and 500 of 2.
  baseline = await driftBaseline(folder, csv(500, 500), 500);
});

afterAll(() => rmSync(folder, { recursive: true }));

interface Options {
  readonly clock?: ShiftedClock;
  readonly deployment?: object;
  readonly server?: object;
}

function start(
  prediction: PredictionServer,
  { clock, deployment = {}, server = {} }: Options = {},
): Promise<ApiServer> {
  return startApi({
    deployments: {},
    configuration: {
      deployments: {
        d: { server: prediction.url, baseline, associationId: 'id', accuracy: true, ...deployment },
        plain: { server: prediction.url },
      },
    },
    server,
    ...(clock === undefined ? {} : { clock }),
  });
}

async function score(api: ApiServer, rows: string, body: object = {}): Promise<void> {
  const job = await api.create({ deploymentId: 'd', ...body });
  expect((await api.upload(job.id, rows)).status).toBe(202);
  const ended = await api.ended(job.id);
  expect(ended.status, ended.statusDetails).toBe('COMPLETED');
}

async function get<T = Readonly<Record<string, never>>>(api: ApiServer, path: string): Promise<T> {
  const reply = await api.request(`/deployments/d/${path}`);
  expect(reply.status, await reply.clone().text()).toBe(200);
  return (await reply.json()) as T;
}

interface Drift {
  readonly metric: string;
  readonly period: { readonly start: string; readonly end: string };
  readonly data: readonly {
    readonly name: string;
    readonly driftScore: number | null;
    readonly sampleSize: number;
    readonly baselineSampleSize: number;
  }[];
}

interface OverTime {
  readonly buckets: readonly { readonly period: { readonly start: string }; readonly value: number | null }[];
  readonly summary: { readonly value: number | null };
}

function request(api: ApiServer, method: string, path: string, body?: object): Promise<Response> {
  return api.request(`/deployments/d/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function waitFor(api: ApiServer, reply: Response): Promise<void> {
  expect(reply.status, await reply.clone().text()).toBe(202);
  const status = await fetch(reply.headers.get('location')!, { redirect: 'manual' });
  expect(status.status).toBe(303);
  expect(status.headers.get('location')).toBe(`${api.base}/deployments/d/`);
}

/** By hand: 800 of a and 200 of b, where 500 and 500 were expected. */
const BY_HAND = {
  psi: 0.3 * Math.log(0.8 / 0.5) - 0.3 * Math.log(0.2 / 0.5),
  kl_divergence: 0.8 * Math.log(0.8 / 0.5) + 0.2 * Math.log(0.2 / 0.5),
  js_divergence:
    (0.8 * Math.log(0.8 / 0.65) +
      0.2 * Math.log(0.2 / 0.35) +
      0.5 * Math.log(0.5 / 0.65) +
      0.5 * Math.log(0.5 / 0.35)) /
    2,
  hellinger: Math.sqrt((Math.sqrt(0.8) - Math.sqrt(0.5)) ** 2 + (Math.sqrt(0.2) - Math.sqrt(0.5)) ** 2) / Math.SQRT2,
  dissimilarity: 0.3,
};

describe('F66: feature drift', () => {
  test('is what a calculation by hand gives, in every metric, over all jobs of the time', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    await score(api, csv(300, 100));
    await score(api, csv(500, 100));
    for (const [metric, wanted] of Object.entries(BY_HAND)) {
      const { data, ...drift } = await get<Drift>(api, `featureDrift/?metric=${metric}`);
      expect(drift.metric).toBe(metric);
      expect(data).toEqual([
        {
          name: 'c',
          driftScore: expect.closeTo(wanted, 10),
          sampleSize: 1_000,
          baselineSampleSize: 1_000,
          featureImpact: null,
        },
      ]);
    }
  });

  test('of the same rows is nothing, and of shifted ones passes the threshold', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    await score(api, csv(500, 500));
    expect((await get<Drift>(api, 'featureDrift/')).data[0]!.driftScore).toBe(0);
    await score(api, csv(900, 100));
    expect((await get<Drift>(api, 'featureDrift/')).data[0]!.driftScore).toBeGreaterThan(0.15);
  });

  test('counts by the time at which jobs ended, and by their model', async () => {
    const clock = new ShiftedClock('2026-03-01T10:00:00.000Z');
    await using prediction = await PredictionServer.start({ respond: () => ({ modelId: 'one' }), modelId: 'one' });
    await using api = await start(prediction, { clock });
    await score(api, csv(500, 500));
    clock.set('2026-03-03T10:00:00.000Z');
    await score(api, csv(800, 200));
    const first = await get<Drift>(api, 'featureDrift/?end=2026-03-02T00:00:00Z');
    expect(first.data[0]).toMatchObject({ driftScore: 0, sampleSize: 1_000 });
    const second = await get<Drift>(api, 'featureDrift/?start=2026-03-03T00:00:00&modelId=one');
    expect(second.data[0]).toMatchObject({ driftScore: expect.closeTo(BY_HAND.psi, 10), sampleSize: 1_000 });
    const other = await get<Drift>(api, 'featureDrift/?modelId=two');
    expect(other.data[0]).toMatchObject({ driftScore: null, sampleSize: 0, baselineSampleSize: 1_000 });
    const { buckets } = await get<{ buckets: { features: Drift['data'] }[] }>(
      api,
      'featureDriftOverTime/?start=2026-03-01T00:00:00Z&end=2026-03-04T00:00:00Z&bucketSize=P1D',
    );
    expect(buckets.map(({ features }) => features[0]!.driftScore)).toEqual([0, null, expect.closeTo(BY_HAND.psi, 10)]);
  });

  test('of a deployment without a baseline is refused with what to do', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const reply = await api.request('/deployments/plain/featureDrift/');
    expect(reply.status).toBe(422);
    expect(await reply.text()).toContain('sluice baseline');
    expect((await api.request('/deployments/none/featureDrift/')).status).toBe(404);
    expect((await api.request('/deployments/d/featureDrift/?metric=psy')).status).toBe(422);
    expect((await api.request('/deployments/d/featureDrift/?start=2026-03-02&end=2026-03-01')).status).toBe(422);
  });
});

test('target drift is what a calculation by hand gives', async () => {
  // 250 predictions of 1, 750 of 2, where there were 500 of each.
  await using prediction = await PredictionServer.start({ predict: ([id]) => (Number(id) < 250 ? '1' : '2') });
  await using api = await start(prediction);
  const rows = Array.from({ length: 1_000 }, (_, id) => `${id},a\n`).join('');
  await score(api, `id,c\n${rows}`);
  expect(await get(api, 'targetDrift/')).toMatchObject({
    targetName: 'y',
    driftScore: expect.closeTo(0.25 * Math.log(0.75 / 0.5) - 0.25 * Math.log(0.25 / 0.5), 10),
    sampleSize: 1_000,
    baselineSampleSize: 1_000,
  });
});

describe('F64: skipDriftTracking', () => {
  test('true adds nothing to drift, target drift and accuracy; false adds every row that was scored', async () => {
    await using prediction = await PredictionServer.start({ reject: ([id]) => (id === '13' ? 'no' : null) });
    await using api = await start(prediction);
    await score(api, csv(40, 60), { skipDriftTracking: true });
    expect((await get<Drift>(api, 'featureDrift/')).data[0]!.sampleSize).toBe(0);
    expect(await get(api, 'targetDrift/')).toMatchObject({ sampleSize: 0, driftScore: null });
    expect(await get(api, 'predictionResults/')).toMatchObject({ totalCount: 0 });
    await score(api, `id,c\n${Array.from({ length: 100 }, (_, id) => `${id},a\n`).join('')}`, { abortOnError: false });
    expect((await get<Drift>(api, 'featureDrift/')).data[0]!.sampleSize).toBe(99);
    expect(await get(api, 'targetDrift/')).toMatchObject({ sampleSize: 99 });
    expect(await get(api, 'predictionResults/')).toMatchObject({ totalCount: 99 });
  });

  test('an aborted job adds nothing', async () => {
    await using prediction = await PredictionServer.start({ reject: () => 'no' });
    await using api = await start(prediction);
    const job = await api.create({ deploymentId: 'd', deadLetters: { maxShare: 0, minRows: 0 } });
    await api.upload(job.id, csv(10, 10));
    expect((await api.ended(job.id)).status).toBe('ABORTED');
    expect((await get<Drift>(api, 'featureDrift/')).data[0]!.sampleSize).toBe(0);
  });
});

describe('F65: actuals by the association ID', () => {
  test('show in the accuracy, and a later one replaces an earlier one', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const job = await api.create({ deploymentId: 'd' });
    await api.upload(job.id, 'id,c\n1,a\n2,a\n3,b\n');
    await api.ended(job.id);
    // The ID of each row is in the result: it is what actuals are told by.
    expect(await api.result(job.id)).toBe('y_PREDICTION,id\n2,1\n4,2\n6,3\n');
    expect(await get(api, 'accuracy/')).toMatchObject({ metrics: {} });
    const data = [
      { associationId: '1', actualValue: 1 },
      { associationId: '2', actualValue: '4', timestamp: '2026-03-01T00:00:00Z', wasActedOn: false },
      { associationId: '9', actualValue: 0 },
    ];
    await waitFor(api, await request(api, 'POST', 'actuals/fromJSON/', { data }));
    const before = await get<{ metrics: Record<string, { value: number }> }>(api, 'accuracy/');
    // Errors of 1 and 0.
    expect(before.metrics['MAE']!.value).toBeCloseTo(0.5, 12);
    expect(before.metrics['RMSE']!.value).toBeCloseTo(Math.sqrt(0.5), 12);
    const later = [{ associationId: '1', actualValue: 5 }];
    await waitFor(api, await request(api, 'POST', 'actuals/fromJSON/', { data: later }));
    const after = await get<{ metrics: Record<string, { value: number }> }>(api, 'accuracy/');
    expect(after.metrics['MAE']!.value).toBeCloseTo(1.5, 12);
    const overTime = await get<OverTime & { metric: string }>(api, 'accuracyOverTime/?metric=MAE');
    expect(overTime.summary).toMatchObject({ value: expect.closeTo(1.5, 12), sampleSize: 2 });
    expect(overTime.buckets.filter(({ value }) => value !== null)).toHaveLength(1);
    const present = await get<{ data: object[] }>(api, 'predictionResults/?actualsPresent=True');
    expect(present.data).toEqual([
      expect.objectContaining({ associationId: '1', predictedValue: 2, actual: 5 }),
      expect.objectContaining({ associationId: '2', predictedValue: 4, actual: 4 }),
    ]);
    const text = await api.request('/deployments/d/predictionResults/?actualsPresent=false', {
      headers: { accept: 'text/csv' },
    });
    expect(await text.text()).toMatch(/^associationId,timestamp,prediction,.*\n3,[^,]+,6,,,\n$/);
  });

  test('are taken from the columns of a dataset, too', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    await score(api, 'id,c\n1,a\n2,a\n3,b\n');
    const form = new FormData();
    form.append('file', new Blob(['row,was,when\n1,1,2026-03-01\n2,4,\n,9,\n3,,\n']), 'actuals.csv');
    const made = await api.request('/datasets/fromFile/', { method: 'POST', body: form });
    const { catalogId } = (await made.json()) as { readonly catalogId: string };
    const body = {
      datasetId: catalogId,
      associationIdColumn: 'row',
      actualValueColumn: 'was',
      timestampColumn: 'when',
    };
    await waitFor(api, await request(api, 'POST', 'actuals/fromDataset/', body));
    const accuracy = await get<{ metrics: Record<string, { value: number }> }>(api, 'accuracy/');
    // Errors of 1 and 0; a row without an ID and one without a value are none.
    expect(accuracy.metrics['MAE']!.value).toBeCloseTo(0.5, 12);
    const wrong = await request(api, 'POST', 'actuals/fromDataset/', { ...body, actualValueColumn: 'wsa' });
    expect(wrong.status).toBe(422);
    expect(await wrong.text()).toContain('did you mean');
    expect((await request(api, 'POST', 'actuals/fromDataset/', { ...body, datasetId: 'none' })).status).toBe(404);
  });

  test('are refused with the field, none of them kept; those without a prediction are left out where that is asked for', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const wrong = { data: [{ associationId: '1', actualValue: 1 }, { associationId: '2' }] };
    const reply = await request(api, 'POST', 'actuals/fromJSON/', wrong);
    expect(reply.status).toBe(422);
    expect(await reply.text()).toContain('data[1].actualValue');
    const many = { data: Array.from({ length: 10_001 }, () => ({ associationId: '1', actualValue: 1 })) };
    expect((await request(api, 'POST', 'actuals/fromJSON/', many)).status).toBe(422);
    const data = [{ associationId: '1', actualValue: 1 }];
    const left = await request(api, 'POST', 'actuals/fromJSON/', { data, keepActualsWithoutPredictions: false });
    await waitFor(api, left);
    await score(api, 'id,c\n1,a\n');
    expect(await get(api, 'accuracy/')).toMatchObject({ metrics: {} });
    const none = await api.post('/deployments/plain/actuals/fromJSON/', { data });
    expect(none.status).toBe(422);
    expect(await none.text()).toContain('accuracy: true');
  });
});

describe('F67: service statistics', () => {
  test('count requests, slow ones, 4xx and 5xx of the prediction server', async () => {
    // From when the request has come.
    const slow = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2_300));
    await using prediction = await PredictionServer.start({
      reject: ([id]) => (id === '13' ? 'no' : null),
      respond: ({ number }) =>
        number === 0 ? { after: slow() } : number === 1 ? { status: 503, headers: { 'retry-after': '0' } } : undefined,
    });
    await using api = await start(prediction);
    const rows = Array.from({ length: 100 }, (_, id) => `${id},a\n`).join('');
    await score(api, `id,c\n${rows}`, {
      abortOnError: false,
      numConcurrent: 1,
      chunkSize: 'fixed',
      skipDriftTracking: true,
    });
    const refused = prediction.requests.filter(
      ({ number, rows: sent }) => number !== 1 && sent.some(([id]) => id === '13'),
    );
    const answered = prediction.requests.filter((one) => one.number !== 1 && !refused.includes(one));
    const total = prediction.requests.length;
    const { metrics } = await get<{ metrics: Record<string, number | null> }>(api, 'serviceStats/');
    expect(metrics).toMatchObject({
      totalRequests: total,
      totalPredictions: answered.reduce((sum, { rows: sent }) => sum + sent.length, 0),
      slowRequests: 1,
      userErrorRate: expect.closeTo(refused.length / total, 12),
      serverErrorRate: expect.closeTo(1 / total, 12),
      numConsumers: 1,
    });
    expect(metrics['totalPredictions']).toBe(99);
    expect(metrics['peakLoad']).toBeLessThanOrEqual(total);
    const all = await get<{ metrics: Record<string, number | null> }>(api, 'serviceStats/?slowRequestsThreshold=0');
    expect(all.metrics['slowRequests']).toBe(total);
    const quantile = await get<{ metrics: Record<string, number> }>(api, 'serviceStats/?responseTimeQuantile=1');
    expect(quantile.metrics['responseTime']).toBeGreaterThan(2_000);
  });

  test('are by the hour in which requests were answered', async () => {
    const clock = new ShiftedClock('2026-03-01T10:10:00.000Z');
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, { clock });
    await score(api, 'id,c\n1,a\n');
    clock.set('2026-03-01T13:10:00.000Z');
    await score(api, 'id,c\n1,a\n2,a\n');
    const query = 'start=2026-03-01T09:00:00Z&end=2026-03-01T15:00:00Z&bucketSize=PT1H';
    const { buckets, summary } = await get<OverTime>(api, `serviceStatsOverTime/?metric=totalPredictions&${query}`);
    expect(buckets.map(({ value }) => value)).toEqual([0, 1, 0, 0, 2, 0]);
    expect(buckets[1]!.period.start).toBe('2026-03-01T10:00:00.000Z');
    expect(summary.value).toBe(3);
  });
});

describe('settings of a deployment', () => {
  test('say what its configuration says; what drift is tracked can be changed, for jobs that end from then on', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    expect(await get(api, 'settings/')).toMatchObject({
      associationId: { columnNames: ['id'], requiredInPredictionRequests: true },
      featureDrift: { enabled: true },
      targetDrift: { enabled: true },
      predictionsDataCollection: { enabled: true },
    });
    await waitFor(api, await request(api, 'PATCH', 'settings/', { featureDrift: { enabled: false } }));
    expect(await get(api, 'settings/')).toMatchObject({
      featureDrift: { enabled: false },
      targetDrift: { enabled: true },
    });
    await score(api, csv(10, 10));
    const untracked = await request(api, 'GET', 'featureDrift/');
    expect(untracked.status).toBe(422);
    expect(await untracked.text()).toContain('not tracked');
    expect(await get(api, 'targetDrift/')).toMatchObject({ sampleSize: 20 });
    await waitFor(api, await request(api, 'PATCH', 'settings/', { featureDrift: { enabled: true } }));
    expect((await get<Drift>(api, 'featureDrift/')).data[0]!.sampleSize).toBe(0);
  });

  test('that stand in the configuration are refused, unless they stay as they are', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const other = await request(api, 'PATCH', 'settings/', { associationId: { columnNames: ['c'] } });
    expect(other.status).toBe(422);
    expect(await other.text()).toContain('deployments.ID.associationId');
    const same = { associationId: { columnNames: ['id'] }, predictionIntervals: { enabled: false, percentiles: [] } };
    await waitFor(api, await request(api, 'PATCH', 'settings/', same));
    expect((await request(api, 'PATCH', 'settings/', { challengerModels: { enabled: true } })).status).toBe(422);
    const body = JSON.stringify({ featureDrift: { enabled: true } });
    const headers = { 'content-type': 'application/json' };
    const plain = await api.request('/deployments/plain/settings/', { method: 'PATCH', headers, body });
    expect(plain.status).toBe(422);
  });

  test('can be changed by an admin only', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, { server: { tokens: [{ token: 'token-of-anna' }] } });
    const init = { headers: { authorization: 'Bearer token-of-anna', 'content-type': 'application/json' } };
    const path = '/deployments/d/settings/';
    expect((await api.request(path, init)).status).toBe(200);
    expect((await api.request(path, { ...init, method: 'PATCH', body: '{}' })).status).toBe(403);
    const model = JSON.stringify({ modelId: 'x.json' });
    expect((await api.request('/deployments/d/model/', { ...init, method: 'PATCH', body: model })).status).toBe(403);
  });
});

describe('F63: a model that is replaced', () => {
  test('answers for jobs that are made from then on; those made before keep theirs', async () => {
    const models = join(folder, 'models');
    cpSync(join(import.meta.dirname, '../../../models'), models, { recursive: true });
    const model = JSON.parse(readFileSync(join(models, 'flights.json'), 'utf8'));
    const { learner_model_param: parameters } = model.learner;
    parameters.base_score = `[${Number(parameters.base_score.slice(1, -1)) + 100}]`;
    writeFileSync(join(models, 'flights-2.json'), JSON.stringify(model));
    await using server = await startModelServer({ models, port: 0 });
    await using api = await startApi({ deployments: { flights: server.url } });
    const rows = readFileSync(join(import.meta.dirname, '../../../config/examples/flights.csv'), 'utf8');
    const before = await api.create({ deploymentId: 'flights' });
    const shown = (await (await api.request('/deployments/flights/')).json()) as { model: { id: string } };
    expect(before['modelId']).toBe(shown.model.id);
    const body = JSON.stringify({ modelId: 'flights-2.json', reason: 'ACCURACY' });
    const headers = { 'content-type': 'application/json' };
    const reply = await api.request('/deployments/flights/model/', { method: 'PATCH', headers, body });
    expect(reply.status, await reply.clone().text()).toBe(202);
    const after = await api.create({ deploymentId: 'flights' });
    expect(after['modelId']).not.toBe(before['modelId']);
    expect(((await (await api.request('/deployments/flights/')).json()) as typeof shown).model.id).toBe(
      after['modelId'],
    );
    const first = async (id: string): Promise<number> => {
      await api.upload(id, rows);
      expect((await api.ended(id)).status).toBe('COMPLETED');
      return Number((await api.result(id)).split('\n')[1]!.split(',')[0]);
    };
    expect((await first(after.id)) - (await first(before.id))).toBeCloseTo(100, 3);
    const unknown = JSON.stringify({ modelId: 'none.json' });
    const refused = await api.request('/deployments/flights/model/', { method: 'PATCH', headers, body: unknown });
    expect(refused.status).toBe(422);
    expect(await refused.text()).toContain('none.json');
  });

  test('is refused where the server is another one', async () => {
    await using web = await WebServer.start();
    await using api = await startApi({ deployments: { d: web.url } });
    const reply = await request(api, 'PATCH', 'model/', { modelId: 'other.json' });
    expect(reply.status).toBe(422);
    expect(await reply.text()).toContain('no sluice model-server');
    await web.close();
    const gone = await request(api, 'PATCH', 'model/', { modelId: 'other.json' });
    expect(gone.status).toBe(422);
    expect(await gone.text()).toContain('cannot be asked');
  });
});

test('deployments and their servers are listed', async () => {
  await using prediction = await PredictionServer.start({
    info: { deploymentId: 'd', target: { name: 'y', kind: 'regression' }, model: { id: 'm1' } },
  });
  await using api = await start(prediction);
  const list = (await (await api.request('/deployments/')).json()) as { data: { id: string }[] };
  expect(list.data.map(({ id }) => id)).toEqual(['d', 'plain']);
  const servers = (await (await api.request('/predictionServers/')).json()) as { data: { url: string }[] };
  expect(servers.data.map(({ url }) => url)).toEqual([prediction.url]);
  expect(await (await api.request('/deployments/d/')).json()).toMatchObject({
    id: 'd',
    label: 'd',
    defaultPredictionServer: { url: prediction.url },
    model: { id: 'm1', targetName: 'y', targetType: 'Regression' },
    serviceHealth: { status: 'passing' },
  });
  await prediction.close();
  expect(await (await api.request('/deployments/d/')).json()).toMatchObject({ serviceHealth: { status: 'failing' } });
  expect((await api.request('/deployments/none/')).status).toBe(404);
});
