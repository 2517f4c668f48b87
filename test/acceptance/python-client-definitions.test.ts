import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../support/api-server.ts';
import { sluice } from '../support/command-line.ts';
import { DatarobotClient } from '../support/datarobot-client.ts';
import { PredictionServer } from '../support/prediction-server.ts';

const ROWS = 'id,c\n1,a\n2,b\n';
let client: DatarobotClient;
let state = '';
let prediction: PredictionServer;
let api: ApiServer;

beforeAll(async () => {
  client = await DatarobotClient.start();
  state = mkdtempSync(join(tmpdir(), 'sluice-client-definitions-'));
  prediction = await PredictionServer.start({
    info: { deploymentId: 'd', target: { name: 'y', kind: 'regression' }, model: { id: 'm1' } },
  });
  const rows = new DatabaseSync(join(state, 'rows.db'));
  rows.exec("CREATE TABLE flights (id INTEGER PRIMARY KEY, c TEXT); INSERT INTO flights VALUES (1, 'a'), (2, 'b')");
  rows.close();
  writeFileSync(join(state, 'rows.csv'), ROWS);
  writeFileSync(join(state, 'scored.csv'), 'y_PREDICTION\n2\n4\n');
  const options = { cwd: state, env: { SLUICE_STATE: state } };
  const baseline = ['baseline', 'rows.csv', '--features', 'c', '--predictions', 'scored.csv', '--out', 'baseline.json'];
  expect((await sluice(baseline, options)).code).toBe(0);
  expect((await sluice(['catalog', 'add', 'flights', 'rows.csv'], options)).code).toBe(0);
  const deployment = {
    server: prediction.url,
    baseline: join(state, 'baseline.json'),
    associationId: 'id',
    accuracy: true,
  };
  api = await startApi({
    deployments: {},
    configuration: {
      deployments: { d: deployment, watched: deployment },
      dataStores: { rows: { jdbcUrl: `jdbc:sqlite:${join(state, 'rows.db')}` } },
    },
    state,
  });
}, 600_000);

afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await api?.[Symbol.asyncDispose]();
  await prediction?.close();
  rmSync(state, { recursive: true, force: true });
});

describe("F59: DataRobot's own Python client, as it is,", () => {
  test('makes, runs, schedules, changes and removes definitions', async () => {
    const settings = { deployment: 'd', store: 'rows', table: 'flights' };
    const told = await client.flow<Record<string, unknown>>('definitions', api.base, settings);
    expect(told).toMatchObject({
      status: 'COMPLETED',
      names: ['by the client'],
      batches: ['by the client ID'],
      result: 'y_PREDICTION,id\n2,1\n4,2\n',
      enabled: true,
      days: ['mon'],
      changed: ['renamed', false],
      twice: expect.stringMatching(/422 client error.*renamed/s),
      other: true,
      left: 0,
    });
  });

  test('reads deployments, drift, service statistics and accuracy, and sends actuals', async () => {
    const { id } = await api.create({ deploymentId: 'watched' });
    await api.upload(id, ROWS);
    await api.ended(id);
    const told = await client.flow<Record<string, unknown>>('monitoring', api.base, { deployment: 'watched' });
    expect(told).toMatchObject({
      deployments: ['d', 'watched'],
      servers: [prediction.url],
      target: 'y',
      accuracy: 0.5,
      over_time: [0.5, 2],
      results: ['1', '2'],
      features: [['c', 2]],
      metric: 'hellinger',
      target_rows: 2,
      predictions: 2,
      ids: ['id'],
      untracked: false,
      needed: [['c', 'Categorical']],
    });
    expect(told['requests_over_time']).toBe(told['requests']);
  });

  test('lists datasets and downloads one', async () => {
    const output = join(state, 'downloaded.csv');
    const told = await client.flow<Record<string, unknown>>('datasets', api.base, { output });
    expect(told).toEqual({ name: 'flights', state: 'COMPLETED', rows: 2 });
    expect(readFileSync(output, 'utf8')).toBe(ROWS);
  });

  test('makes datasets of a file and of data in memory, scores them, and removes them', async () => {
    const settings = { deployment: 'd', file: join(state, 'rows.csv') };
    const told = await client.flow<Record<string, unknown>>('dataset_uploads', api.base, settings);
    expect(told).toMatchObject({
      status: 'COMPLETED',
      name: 'rows.csv',
      rows: [2, 2, 2],
      same: [true, false],
      // The client quotes every cell of a frame.
      result: 'y_PREDICTION,id,c\n6,"3","a, b"\n8,"4","say ""x"""\n',
      older: 'y_PREDICTION,id,c\n2,1,a\n4,2,b\n',
      left: ['flights'],
    });
    expect(told['names']).toEqual(expect.arrayContaining(['by the client', 'rows.csv', 'flights']));
  });
});
