import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { sluice } from '../../support/command-line.ts';
import { PredictionServer, type PredictionServerOptions } from '../../support/prediction-server.ts';
import { ShiftedClock } from '../../support/shifted-clock.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-predictions-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Rows `id,c`; the prediction is twice the ID. */
const csv = (...ids: readonly number[]): string => `id,c\n${ids.map((id) => `${id},a\n`).join('')}`;
/** Two classes; the probability of `yes` is the ID in hundredths. */
const classes: PredictionServerOptions = {
  predict: ([id]) => String(Number(id) / 100),
  respond: () => ({
    rewrite: (text) => {
      const [header = '', ...lines] = text.split('\n');
      const more = lines.map((line) => {
        if (line === '') return line;
        const [p = '', ...rest] = line.split(',');
        const label = Number(p) > 0.5 ? 'yes' : 'no';
        return [p, 1 - Number(p), label, 0.5, 'yes', ...rest].join(',');
      });
      const names = 'y_yes_PREDICTION,y_no_PREDICTION,y_PREDICTION,THRESHOLD,POSITIVE_CLASS';
      return [header.replace('y_PREDICTION', names), ...more].join('\n');
    },
  }),
};

async function baselineOf(name: string, scored: string): Promise<string> {
  writeFileSync(join(folder, 'train.csv'), `id,c,n\n${'1,a,1\n2,b,7\n'.repeat(60)}`);
  writeFileSync(join(folder, 'scored.csv'), scored);
  const out = join(folder, `${name}.json`);
  const args = ['baseline', 'train.csv', '--features', 'c,n', '--predictions', 'scored.csv', '--out', out];
  expect(await sluice(args, { cwd: folder })).toMatchObject({ code: 0 });
  return out;
}

interface Options {
  readonly clock?: ShiftedClock;
  readonly deployment?: object;
}

function start({ url }: PredictionServer, { clock, deployment = {} }: Options = {}): Promise<ApiServer> {
  const d = { server: url, associationId: 'id', accuracy: true, ...deployment };
  return startApi({
    deployments: {},
    configuration: { deployments: { d, plain: { server: url } } },
    ...(clock === undefined ? {} : { clock }),
  });
}

async function score(api: ApiServer, rows: string): Promise<void> {
  const { id } = await api.create({ deploymentId: 'd' });
  await api.upload(id, rows);
  const ended = await api.ended(id);
  expect(ended.status, ended.statusDetails).toBe('COMPLETED');
}

async function get<T>(api: ApiServer, path: string): Promise<T> {
  const reply = await api.request(`/deployments/${path}`);
  expect(reply.status, await reply.clone().text()).toBe(200);
  return (await reply.json()) as T;
}

async function refusal(api: ApiServer, path: string): Promise<readonly [number, string]> {
  const reply = await api.request(`/deployments/${path}`);
  return [reply.status, await reply.text()];
}

interface OverTime {
  readonly baselines: readonly Readonly<Record<string, unknown>>[];
  readonly buckets: readonly (Readonly<Record<string, unknown>> & { readonly period: { readonly start: string } })[];
}

const ACTUALS = 'actuals/fromJSON/';

async function tell(api: ApiServer, data: readonly object[]): Promise<void> {
  expect((await api.post(`/deployments/d/${ACTUALS}`, { data })).status).toBe(202);
}

describe('predictionsOverTime', () => {
  test('has the means of numbers by the time at which jobs ended, by model, beside the baseline', async () => {
    const baseline = await baselineOf('numbers', `y_PREDICTION\n${'1\n2\n3\n'.repeat(50)}`);
    const clock = new ShiftedClock('2026-03-01T10:00:00.000Z');
    await using prediction = await PredictionServer.start({ modelId: 'one' });
    await using api = await start(prediction, { clock, deployment: { baseline } });
    await score(api, csv(1, 2, 3));
    clock.set('2026-03-03T10:00:00.000Z');
    prediction.options = { modelId: 'two' };
    await score(api, csv(10, 20));
    await score(api, csv(30));
    const time = 'start=2026-03-01T00:00:00Z&end=2026-03-04T00:00:00Z&bucketSize=P1D';
    const all = await get<OverTime>(api, `d/predictionsOverTime/?${time}&includePercentiles=False`);
    const spread = { meanProbabilities: [], classDistribution: [], percentiles: [] };
    expect(all.baselines).toEqual([
      { period: null, modelId: null, rowCount: 150, meanPredictedValue: expect.closeTo(2, 12), ...spread },
    ]);
    expect(all.buckets.map(({ period, ...bucket }) => [period.start, bucket])).toEqual([
      ['2026-03-01T00:00:00.000Z', { modelId: null, rowCount: 3, meanPredictedValue: 4, ...spread }],
      ['2026-03-02T00:00:00.000Z', { modelId: null, rowCount: 0, meanPredictedValue: null, ...spread }],
      [
        '2026-03-03T00:00:00.000Z',
        { modelId: null, rowCount: 3, meanPredictedValue: expect.closeTo(40, 12), ...spread },
      ],
    ]);
    const models = await get<OverTime>(api, `d/predictionsOverTime/?${time}&modelId=two&modelId=one`);
    expect(models.buckets.map(({ modelId, rowCount }) => [modelId, rowCount])).toEqual([
      ['two', 0],
      ['two', 0],
      ['two', 3],
      ['one', 3],
      ['one', 0],
      ['one', 0],
    ]);
    const again = await get<OverTime>(api, `d/predictionsOverTime/?${time}&modelId=one&modelId=one`);
    expect(again.buckets).toHaveLength(3);
    const year = 'd/predictionsOverTime/?start=2025-01-01&end=2026-01-01&bucketSize=PT1H&modelId=one';
    expect((await get<OverTime>(api, year)).buckets).toHaveLength(8_760);
    // A reply for each of the models that an address can name would be of gigabytes.
    expect(await refusal(api, `${year}&modelId=two`)).toEqual([422, expect.stringContaining('fewer models')]);
  });

  test('has the mean probabilities of classes, and how often each was predicted', async () => {
    const scored = `y_yes_PREDICTION,y_no_PREDICTION,y_PREDICTION\n${'0.9,0.1,yes\n0.2,0.8,no\n0.3,0.7,no\n0.4,0.6,no\n'.repeat(40)}`;
    const baseline = await baselineOf('classes', scored);
    await using prediction = await PredictionServer.start(classes);
    await using api = await start(prediction, { deployment: { baseline } });
    await score(api, csv(10, 20, 90));
    const { baselines, buckets } = await get<OverTime>(api, 'd/predictionsOverTime/');
    const [bucket] = buckets.filter(({ rowCount }) => rowCount !== 0);
    expect(bucket).toMatchObject({
      rowCount: 3,
      meanPredictedValue: null,
      meanProbabilities: [
        { className: 'yes', value: expect.closeTo(0.4, 12) },
        { className: 'no', value: expect.closeTo(0.6, 12) },
      ],
      classDistribution: [
        { className: 'no', count: 2, percent: expect.closeTo(66.667, 2) },
        { className: 'yes', count: 1, percent: expect.closeTo(33.333, 2) },
      ],
    });
    expect(baselines[0]).toMatchObject({ classDistribution: [{ className: 'no', percent: 75 }, { percent: 25 }] });
    const only = await get<OverTime>(api, 'd/predictionsOverTime/?targetClass=yes');
    expect(only.baselines[0]).toMatchObject({
      meanProbabilities: [{ className: 'yes' }],
      classDistribution: [{ className: 'yes', percent: 25 }],
    });
  });

  test('is refused where nothing is kept, and for what is not kept', async () => {
    const baseline = await baselineOf('refused', `y_PREDICTION\n${'1\n2\n'.repeat(50)}`);
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, { deployment: { baseline } });
    expect(await refusal(api, 'plain/predictionsOverTime/')).toEqual([422, expect.stringContaining('sluice baseline')]);
    expect((await refusal(api, 'none/predictionsOverTime/'))[0]).toBe(404);
    const percentiles = await refusal(api, 'd/predictionsOverTime/?includePercentiles=true');
    expect(percentiles).toEqual([422, expect.stringContaining('not kept')]);
    expect((await refusal(api, 'd/predictionsOverTime/?bucketSize=P2D'))[0]).toBe(422);
    expect((await refusal(api, 'd/predictionsOverTime/?start=2026-03-02&end=2026-03-01'))[0]).toBe(422);
  });
});

describe('predictionsVsActualsOverTime', () => {
  test('has the means of the rows that have an actual, by the time at which they were scored', async () => {
    const clock = new ShiftedClock('2026-03-01T10:00:00.000Z');
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, { clock });
    await score(api, csv(1, 2, 3, 4));
    clock.set('2026-03-03T10:00:00.000Z');
    // The latest prediction of an ID is the one that counts.
    await score(api, csv(4, 5));
    await tell(api, [
      { associationId: '1', actualValue: 3 },
      { associationId: '2', actualValue: 9 },
      { associationId: '4', actualValue: 8 },
      { associationId: '5', actualValue: 'unknown' },
    ]);
    const path = 'd/predictionsVsActualsOverTime/?start=2026-03-01T00:00:00Z&end=2026-03-04T00:00:00Z&bucketSize=P1D';
    const { summary, buckets } = await get<OverTime & { summary: object }>(api, path);
    expect(summary).toEqual({ rowCountTotal: 5, rowCountWithActual: 4 });
    const none = { predictedClassDistribution: [], actualClassDistribution: [], modelId: null, period: null };
    expect(buckets.map((bucket) => ({ ...bucket, period: null }))).toEqual([
      { rowCountTotal: 3, rowCountWithActual: 2, meanPredictedValue: 3, meanActualValue: 6, ...none },
      { rowCountTotal: 0, rowCountWithActual: 0, meanPredictedValue: null, meanActualValue: null, ...none },
      { rowCountTotal: 2, rowCountWithActual: 2, meanPredictedValue: 8, meanActualValue: 8, ...none },
    ]);
  });

  test('has how often classes were predicted and came true', async () => {
    await using prediction = await PredictionServer.start(classes);
    await using api = await start(prediction);
    await score(api, csv(10, 20, 80, 90));
    await tell(api, [
      { associationId: '10', actualValue: 'no' },
      { associationId: '80', actualValue: 'no' },
      { associationId: '90', actualValue: 'yes' },
    ]);
    const { buckets } = await get<OverTime>(api, 'd/predictionsVsActualsOverTime/?bucketSize=P7D');
    const [bucket] = buckets.filter(({ rowCountTotal }) => rowCountTotal !== 0);
    expect(bucket).toMatchObject({
      rowCountTotal: 4,
      rowCountWithActual: 3,
      meanPredictedValue: null,
      predictedClassDistribution: [
        { className: 'no', count: 1, percent: expect.closeTo(33.333, 2) },
        { className: 'yes', count: 2, percent: expect.closeTo(66.667, 2) },
      ],
      actualClassDistribution: [
        { className: 'no', count: 2 },
        { className: 'yes', count: 1 },
      ],
    });
    const only = await get<OverTime>(api, 'd/predictionsVsActualsOverTime/?bucketSize=P1M&targetClass=yes');
    const [shown] = only.buckets.filter(({ rowCountTotal }) => rowCountTotal !== 0);
    expect(shown).toMatchObject({ actualClassDistribution: [{ className: 'yes', count: 1 }] });
  });

  test('is refused where predictions are not kept, and of a model', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    expect(await refusal(api, 'plain/predictionsVsActualsOverTime/')).toEqual([
      422,
      expect.stringContaining('accuracy: true'),
    ]);
    expect((await refusal(api, 'd/predictionsVsActualsOverTime/?modelId=one'))[0]).toBe(422);
    expect((await refusal(api, 'none/predictionsVsActualsOverTime/'))[0]).toBe(404);
  });
});

describe('features', () => {
  interface Features {
    readonly data: readonly { readonly name: string; readonly featureType: string }[];
    readonly totalCount: number;
    readonly next: string | null;
  }

  test('are those of the baseline where the server does not say what it needs', async () => {
    const baseline = await baselineOf('features', `y_PREDICTION\n${'1\n2\n'.repeat(50)}`);
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, { deployment: { baseline } });
    const { data } = await get<Features>(api, 'd/features/');
    const rest = { importance: null, dateFormat: null, knownInAdvance: false };
    expect(data).toEqual([
      { name: 'c', featureType: 'Categorical', ...rest },
      { name: 'n', featureType: 'Numeric', ...rest },
    ]);
    const page = await get<Features>(api, 'd/features/?orderBy=-name&limit=1');
    expect([page.data[0]!.name, page.totalCount, page.next]).toEqual(['n', 2, expect.stringContaining('offset=1')]);
    // As clients do: from page to page by what the reply says.
    const next = (await (await api.request(page.next!)).json()) as Features;
    expect([next.data[0]!.name, next.next]).toEqual(['c', null]);
    expect((await get<Features>(api, 'd/features/?search=N')).data.map(({ name }) => name)).toEqual(['n']);
    expect((await get<Features>(api, 'plain/features/')).data).toEqual([]);
    expect((await refusal(api, 'none/features/'))[0]).toBe(404);
    await prediction.close();
    expect((await get<Features>(api, 'd/features/')).data).toHaveLength(2);
  });
});

describe('capabilities', () => {
  test('say what can be had of a deployment, and of the rest why not', async () => {
    const baseline = await baselineOf('able', `y_PREDICTION\n${'1\n2\n'.repeat(50)}`);
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, { deployment: { baseline } });
    const of = async (id: string): Promise<Readonly<Record<string, readonly [boolean, readonly string[]]>>> => {
      const { data } = await get<{ data: { name: string; supported: boolean; messages: string[] }[] }>(
        api,
        `${id}/capabilities/`,
      );
      return Object.fromEntries(data.map(({ name, supported, messages }) => [name, [supported, messages]]));
    };
    expect(await of('d')).toMatchObject({
      supportsDriftTracking: [true, []],
      supportsTargetDriftTracking: [true, []],
      supportsAccuracy: [true, []],
      supportsPredictionExplanations: [true, []],
      supportsBatchMonitoring: [true, []],
      supportsChallengerModels: [false, ['Not served.']],
    });
    expect(await of('plain')).toMatchObject({
      supportsDriftTracking: [false, [expect.stringContaining('sluice baseline')]],
      supportsAccuracy: [false, [expect.stringContaining('accuracy: true')]],
    });
    expect((await refusal(api, 'none/capabilities/'))[0]).toBe(404);
  });
});
