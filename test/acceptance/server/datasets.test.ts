import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { sluice } from '../../support/command-line.ts';
import { PredictionServer } from '../../support/prediction-server.ts';

const FIRST = 'id,name\n1,one\n2,"two, too"\n';
const SECOND = `${FIRST}3,three\n`;
let state: string;
let prediction: PredictionServer;

interface ShownDataset {
  readonly datasetId: string;
  readonly versionId: string;
  readonly name: string;
  readonly isLatestVersion: boolean;
}

async function add(name: string, text: string, ...options: readonly string[]): Promise<void> {
  writeFileSync(join(state, 'rows.csv'), text);
  const added = await sluice(['catalog', 'add', name, 'rows.csv', ...options], {
    cwd: state,
    env: { SLUICE_STATE: state },
  });
  expect(added.stderr).not.toContain('error');
  expect(added.code, added.stderr).toBe(0);
}

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), 'sluice-datasets-'));
  prediction = await PredictionServer.start();
  await add('flights', FIRST);
  await add('flights', SECOND);
  await add('columns', FIRST, '--format', 'parquet');
});

afterAll(async () => {
  await prediction.close();
  rmSync(state, { recursive: true });
});

const start = (): Promise<ApiServer> => startApi({ deployments: { d: prediction.url }, state });

async function json<T>(api: ApiServer, path: string): Promise<T> {
  const reply = await api.request(path);
  expect(reply.status, await reply.clone().text()).toBe(200);
  return (await reply.json()) as T;
}

async function dataset(api: ApiServer, name: string): Promise<ShownDataset> {
  const { data } = await json<{ data: ShownDataset[] }>(api, '/datasets/?category=PREDICTION&orderBy=created');
  return data.find((one) => one.name === name)!;
}

describe('datasets of the registry', () => {
  test('are listed with their latest version, and with all of them', async () => {
    await using api = await start();
    const flights = await dataset(api, 'flights');
    expect(flights).toMatchObject({
      isLatestVersion: true,
      isSnapshot: true,
      processingState: 'COMPLETED',
      rowCount: 3,
      categories: ['TRAINING', 'PREDICTION'],
      isDataEngineEligible: false,
      createdBy: expect.any(String),
    });
    expect(JSON.stringify(flights)).not.toContain(state);
    const { data } = await json<{ data: ShownDataset[] }>(api, `/datasets/${flights.datasetId}/versions/`);
    expect(data.map(({ isLatestVersion }) => isLatestVersion)).toEqual([true, false]);
    const older = await json(api, `/datasets/${flights.datasetId}/versions/${data[1]!.versionId}/`);
    expect(older).toMatchObject({ rowCount: 2, isLatestVersion: false });
  });

  test('are read in whole and in parts', async () => {
    await using api = await start();
    const { datasetId, versionId } = await dataset(api, 'flights');
    const path = `/datasets/${datasetId}/versions/${versionId}/file/`;
    const whole = await api.request(path);
    expect(await whole.text()).toBe(SECOND);
    expect(whole.headers.get('content-type')).toContain('text/csv');
    expect(whole.headers.get('content-length')).toBe(String(SECOND.length));
    expect(await (await api.request(`/datasets/${datasetId}/file/`)).text()).toBe(SECOND);
    const part = async (range: string, headers: object = {}): Promise<readonly [number, string, string | null]> => {
      const reply = await api.request(path, { headers: { range, ...headers } });
      return [reply.status, await reply.text(), reply.headers.get('content-range')];
    };
    expect(await part('bytes=3-6')).toEqual([206, SECOND.slice(3, 7), `bytes 3-6/${SECOND.length}`]);
    expect((await part('bytes=8-'))[1]).toBe(SECOND.slice(8));
    expect((await part('bytes=-4'))[1]).toBe(SECOND.slice(-4));
    expect((await part('bytes=0-99999'))[1]).toBe(SECOND);
    expect((await part(`bytes=${SECOND.length}-`))[0]).toBe(416);
    expect((await part('lines=1-2'))[0]).toBe(200);
    expect((await part('bytes=3-6', { 'if-range': '"another"' }))[0]).toBe(200);
    expect((await part('bytes=3-6', { 'if-range': whole.headers.get('etag')! }))[0]).toBe(206);
  });

  test('are CSV whatever they are kept as', async () => {
    await using api = await start();
    const { datasetId } = await dataset(api, 'columns');
    expect(await (await api.request(`/datasets/${datasetId}/file/`)).text()).toBe(FIRST);
  });

  test('that are not there are 404, and tell nothing of the machine', async () => {
    await using api = await start();
    const { datasetId } = await dataset(api, 'flights');
    for (const path of [
      '/datasets/none/',
      `/datasets/${datasetId}/versions/none/file/`,
      '/datasets/..%2F..%2Fetc/file/',
    ]) {
      const reply = await api.request(path);
      expect(reply.status).toBe(404);
      expect(await reply.text()).not.toContain(state);
    }
  });

  test('are none where nobody has made a catalog', async () => {
    await using api = await startApi({ deployments: { d: prediction.url } });
    expect(await json(api, '/datasets/')).toMatchObject({ totalCount: 0, data: [], next: null });
  });
});

test('another server reads its datasets from here', async () => {
  await using library = await start();
  await using api = await startApi({
    deployments: { d: prediction.url },
    configuration: { catalog: { url: library.base } },
  });
  for (const [name, lines] of [
    ['flights', 4],
    ['columns', 3],
  ] as const) {
    const { datasetId } = await dataset(library, name);
    const job = await api.create({ deploymentId: 'd', intakeSettings: { type: 'dataset', datasetId } });
    const ended = await api.ended(job.id);
    expect(ended.status, ended.statusDetails).toBe('COMPLETED');
    expect((await api.result(job.id)).trimEnd().split('\n')).toHaveLength(lines);
  }
});
