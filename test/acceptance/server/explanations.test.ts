import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ModelServer, startModelServer } from '../../../src/model-server/index.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { PredictionServer } from '../../support/prediction-server.ts';
import { givesExplanations } from '../../support/server-explanations.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-api-explanations-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Rows = readonly Readonly<Record<string, string>>[];

async function explained(api: ApiServer, csv: string, body: object): Promise<Rows> {
  const { id } = await api.create({ deploymentId: 'd', ...body });
  await api.upload(id, csv);
  const ended = await api.ended(id);
  expect(ended.status, ended.statusDetails).toBe('COMPLETED');
  return parse(await api.result(id), { columns: true });
}

async function refusal(api: ApiServer, body: object): Promise<string> {
  const reply = await api.post('/batchPredictions/', { deploymentId: 'd', ...body });
  expect(reply.status).toBe(422);
  return ((await reply.json()) as { message: string }).message;
}

describe('a deployment that explains by occlusion', () => {
  /** The prediction is 2 a + b: so what a row is explained by is known. */
  const sum = (): Promise<PredictionServer> =>
    PredictionServer.start({ predict: ([a, b]) => String(2 * Number(a) + Number(b)) });
  const start = (server: PredictionServer, more: object = {}): Promise<ApiServer> => {
    const file = join(folder, 'typical.csv');
    writeFileSync(file, `a,b,c\n${'1,1,x\n'.repeat(50)}`);
    const explanation = { baseline: { type: 'localFile', file }, columns: ['a', 'b'], baselineRows: 10, ...more };
    const d = { server: server.url, explanationAlgorithm: 'occlusion', explanation };
    return startApi({ deployments: {}, configuration: { deployments: { d } } });
  };

  test('gives jobs over the API the explanations of its own baseline, though its server has none', async () => {
    await using server = await sum();
    await using api = await start(server);
    const [first, second] = await explained(api, 'a,b,c\n4,1,x\n1,9,y\n', { maxExplanations: 2 });
    // Of 9, where 3 is usual, 6 come from a; of 11, 8 from b.
    expect(first).toMatchObject({ y_PREDICTION: '9', EXPLANATION_1_FEATURE_NAME: 'a', EXPLANATION_2_FEATURE_NAME: '' });
    expect(Number(first!['EXPLANATION_1_STRENGTH'])).toBeCloseTo(6, 9);
    expect(second).toMatchObject({ EXPLANATION_1_FEATURE_NAME: 'b', EXPLANATION_1_ACTUAL_VALUE: '9' });
    expect(Number(second!['EXPLANATION_1_STRENGTH'])).toBeCloseTo(8, 9);
  });

  test('explains the rows beyond the thresholds alone, and none for jobs that ask for none', async () => {
    await using server = await sum();
    await using api = await start(server);
    const csv = 'a,b,c\n4,1,x\n1,9,y\n';
    const rows = await explained(api, csv, { maxExplanations: 1, thresholdHigh: 10, thresholdLow: 0 });
    expect(rows.map((row) => row['EXPLANATION_1_FEATURE_NAME'])).toEqual(['', 'b']);
    const sent = server.requests.length;
    expect(Object.keys((await explained(api, csv, {}))[0]!)).toEqual(['y_PREDICTION']);
    expect(server.requests.slice(sent).flatMap(({ rows: scored }) => scored)).toHaveLength(2);
  });

  test('reads the beginning of an upload where it has no baseline', async () => {
    await using server = await sum();
    await using api = await start(server, { baseline: null });
    const csv = `a,b,c\n${'1,1,x\n'.repeat(200)}4,1,x\n`;
    const rows = await explained(api, csv, { maxExplanations: 1 });
    expect(rows.at(-1)).toMatchObject({ EXPLANATION_1_FEATURE_NAME: 'a' });
  });

  test('explains rows of a replay by the beginning of their upload, whole or in parts', async () => {
    const reject = ([, , c]: readonly string[]): string | null => (c === 'bad' ? 'unknown' : null);
    for (const multipart of [false, true]) {
      await using server = await sum();
      const predict = server.options.predict!;
      server.options = { predict, reject };
      await using api = await start(server, { baseline: null });
      const intakeSettings = { type: 'localFile', multipart };
      const { id } = await api.create({ deploymentId: 'd', maxExplanations: 1, intakeSettings });
      const [first, second] = [`a,b,c\n${'1,1,x\n'.repeat(100)}`, `a,b,c\n${'1,1,x\n'.repeat(100)}4,1,bad\n`];
      if (multipart) {
        const headers = { 'content-type': 'text/csv' };
        for (const [number, body] of [first, second].entries())
          await api.request(`/batchPredictions/${id}/csvUpload/part/${number}/`, { method: 'PUT', headers, body });
        await api.post(`/batchPredictions/${id}/csvUpload/finalizeMultipart/`);
      } else await api.upload(id, second);
      expect(await api.ended(id)).toMatchObject({ status: 'COMPLETED', failedRows: 1 });
      server.options = { predict };
      expect((await api.post(`/live/jobs/${id}/replay/`, {})).status).toBe(202);
      const { statusDetails } = await api.until(id, ({ statusDetails: said }) => /^Replay (done|ended)/.test(said));
      expect(statusDetails).toMatch(/: 1 rows scored, 0 failed again/);
      const rows: Rows = parse(await api.result(id), { columns: true });
      expect(rows.at(-1)).toMatchObject({ y_PREDICTION: '9', EXPLANATION_1_FEATURE_NAME: 'a' });
      expect(Number(rows.at(-1)!['EXPLANATION_1_STRENGTH'])).toBeCloseTo(6, 9);
    }
  });

  test('refuses what cannot go with it, as the job is made', async () => {
    await using server = await sum();
    await using api = await start(server);
    expect(await refusal(api, { maxExplanations: 1, onModelChange: 'record' })).toMatch(/occlusion.*abort or pause/);
  });
});

describe('the settings of explanations in the body of a job', () => {
  let models: ModelServer;
  beforeAll(async () => {
    models = await startModelServer({ models: join(import.meta.dirname, '../../../models'), port: 0 });
  });
  afterAll(() => models.close());

  test('reach a server that has them', async () => {
    await using server = await PredictionServer.start({
      respond: () => ({ rewrite: givesExplanations(2, (row) => ['f1', '2', `${row}`, '+', 'f2', '1', '', '-']) }),
    });
    await using api = await startApi({ deployments: { d: server.url } });
    const body = { maxExplanations: 2, thresholdHigh: 3.5, thresholdLow: 0.5, explanationAlgorithm: 'xemp' };
    await explained(api, 'x\n0\n1\n2\n', body);
    const { query } = server.requests.find(({ query: asked }) => asked.has('maxExplanations'))!;
    expect(Object.fromEntries(query)).toMatchObject({
      maxExplanations: '2',
      thresholdHigh: '3.5',
      thresholdLow: '0.5',
      explanationAlgorithm: 'xemp',
    });
  });

  test('have the local model server explain by SHAP', async () => {
    const csv = readFileSync(join(import.meta.dirname, '../../../config/examples/flights.csv'), 'utf8');
    await using api = await startApi({ deployments: { flights: models.url } });
    const rows = await explained(api, csv, {
      deploymentId: 'flights',
      maxExplanations: 3,
      explanationAlgorithm: 'shap',
    });
    for (const row of rows) expect(row['EXPLANATION_1_FEATURE_NAME']).toMatch(/\w/);
    expect(Object.keys(rows[0]!)).toEqual(expect.arrayContaining(['EXPLANATION_3_STRENGTH', 'SHAP_BASE_VALUE']));
  });

  test('are refused where they ask for what there is not, and taken where they ask for nothing', async () => {
    await using server = await PredictionServer.start();
    await using api = await startApi({
      deployments: { d: server.url },
      configuration: {
        deployments: { d: { server: server.url }, drum: { server: server.url, wire: 'drum', target: 'y' } },
      },
    });
    expect(await refusal(api, { maxNgramExplanations: 'all' })).toMatch(/maxNgramExplanations.*text by its words/);
    expect(await refusal(api, { maxNGramExplanations: 5 })).toMatch(/maxNGramExplanations/);
    expect(await refusal(api, { explanationNumTopClasses: 3 })).toMatch(/explanationNumTopClasses.*predicted/);
    expect(await refusal(api, { explanationClassNames: ['a'] })).toMatch(/explanationClassNames/);
    expect(await refusal(api, { explanationAlgorithm: 'lime' })).toMatch(/explanationAlgorithm/);
    expect(await refusal(api, { maxExplanations: 101 })).toMatch(/maxExplanations/);
    expect(await refusal(api, { thresholdHigh: 1, thresholdLow: 2, maxExplanations: 1 })).toMatch(/thresholdHigh/);
    expect(await refusal(api, { deploymentId: 'drum', maxExplanations: 1 })).toMatch(/wire drum.*occlusion/);
    const nothing = {
      maxNgramExplanations: 0,
      maxNGramExplanations: null,
      explanationNumTopClasses: 1,
      explanationClassNames: [],
      explanationAlgorithm: null,
    };
    await explained(api, 'x\n1\n', nothing);
    await explained(api, 'x\n1\n', { deploymentId: 'd', ...nothing, explanationClassNames: null });
  });
});
