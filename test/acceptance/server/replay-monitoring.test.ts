import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiClient } from '../../support/api-client.ts';
import { type ApiServer, startApi, writeConfiguration } from '../../support/api-server.ts';
import { sluice } from '../../support/command-line.ts';
import { PredictionServer } from '../../support/prediction-server.ts';
import { startServe } from '../../support/serve-process.ts';

const ROWS = 100;
const BAD = new Set(['7', '30', '77']);
const CSV = `id,c\n${Array.from({ length: ROWS }, (_, i) => `${i},${i % 4 === 0 ? 'a' : 'b'}\n`).join('')}`;
const refusing = {
  reject: ([id = '']: readonly string[]): string | null => (BAD.has(id) ? 'unknown' : null),
  rejectAs: 'row',
} as const;
let folder = '';
let baseline = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-replayed-'));
  writeFileSync(join(folder, 'train.csv'), `id,c\n${'1,a\n'.repeat(50)}${'2,b\n'.repeat(50)}`);
  writeFileSync(join(folder, 'scored.csv'), `y_PREDICTION\n${'1\n'.repeat(50)}${'2\n'.repeat(50)}`);
  baseline = join(folder, 'baseline.json');
  const args = ['baseline', 'train.csv', '--features', 'c', '--predictions', 'scored.csv', '--out', baseline];
  expect(await sluice(args, { cwd: folder })).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const deployments = (server: PredictionServer): object => ({
  deployments: { d: { server: server.url, baseline, associationId: 'id', accuracy: true } },
});

/** A job that could not score three of its rows, and whose statistics say so. */
async function failed(api: ApiClient): Promise<string> {
  const { id } = await api.create({ deploymentId: 'd' });
  await api.upload(id, CSV);
  expect(await api.ended(id)).toMatchObject({ status: 'COMPLETED', failedRows: BAD.size });
  expect(await sizes(api)).toEqual(all(ROWS - BAD.size));
  return id;
}

async function replayed(api: ApiClient, id: string): Promise<void> {
  // The claim of a process that was killed is void after a while.
  const replay = async (): Promise<number> => (await api.post(`/live/jobs/${id}/replay/`, {})).status;
  await expect.poll(replay, { timeout: 40_000 }).toBe(202);
  await api.until(id, ({ statusDetails }) => statusDetails.startsWith('Replay done'));
}

/** How many rows each of the routes knows. */
async function sizes(api: ApiClient): Promise<object> {
  const get = async <T>(path: string): Promise<T> => (await (await api.request(`/deployments/d/${path}`)).json()) as T;
  const features = await get<{ data: readonly { sampleSize: number }[] }>('featureDrift/');
  const overTime = await get<{ buckets: { features: { sampleSize: number }[] }[] }>('featureDriftOverTime/');
  const target = await get<{ sampleSize: number }>('targetDrift/');
  const results = await get<{ totalCount: number }>('predictionResults/');
  return {
    features: features.data[0]!.sampleSize,
    overTime: overTime.buckets.reduce((sum, bucket) => sum + (bucket.features[0]?.sampleSize ?? 0), 0),
    target: target.sampleSize,
    results: results.totalCount,
  };
}

const all = (rows: number): object => ({ features: rows, overTime: rows, target: rows, results: rows });

describe('rows that a replay has scored', () => {
  test('count in the drift of their deployment, each once, however often letters are replayed', async () => {
    await using server = await PredictionServer.start(refusing);
    await using api = await startApi({ deployments: {}, configuration: deployments(server) });
    const id = await failed(api);
    server.options = { ...refusing, reject: ([row]) => (row === '7' ? 'unknown still' : null) };
    await replayed(api, id);
    expect(await sizes(api)).toEqual(all(ROWS - 1));
    server.options = {};
    await replayed(api, id);
    expect(await sizes(api)).toEqual(all(ROWS));
  });

  test('count once after a kill in the middle of the replay', async () => {
    await using server = await PredictionServer.start(refusing);
    const state = mkdtempSync(join(folder, 'state-'));
    const file = writeConfiguration(state, { deployments: {}, configuration: deployments(server) });
    const serve = await startServe(file, state);
    const id = await failed(serve);
    const asked = Promise.withResolvers<void>();
    server.options = {
      respond: () => {
        asked.resolve();
        return { after: new Promise(() => undefined) };
      },
    };
    expect((await serve.post(`/live/jobs/${id}/replay/`, {})).status).toBe(202);
    await asked.promise;
    await serve.kill();
    server.options = {};
    await using again = await startServe(file, state);
    expect(await sizes(again)).toEqual(all(ROWS - BAD.size));
    await replayed(again, id);
    expect(await sizes(again)).toEqual(all(ROWS));
  });

  test('count once after a kill between the publication of the result and the record of it', async () => {
    await using server = await PredictionServer.start(refusing);
    await using api = await startApi({ deployments: {}, configuration: deployments(server) });
    const id = await failed(api);
    const before = await api.server.service.store.get(id);
    const statistics = table(api, (database) =>
      database.prepare('SELECT data FROM sluice_statistics WHERE job = ?').get(id),
    );
    server.options = {};
    await replayed(api, id);
    // What the store had before; the output has the rows already.
    await api.server.service.store.update(id, () => ({ tally: before!.tally }));
    table(api, (database) =>
      database.prepare('UPDATE sluice_statistics SET data = ? WHERE job = ?').run(String(statistics!['data']), id),
    );
    expect(await sizes(api)).toMatchObject({ features: ROWS - BAD.size });
    await replayed(api, id);
    expect(await sizes(api)).toEqual(all(ROWS));
    expect(await api.job(id)).toMatchObject({ scoredRows: ROWS, failedRows: 0 });
  });

  test('are looked at as the others of their job were, whatever is tracked now', async () => {
    await using server = await PredictionServer.start(refusing);
    await using api = await startApi({ deployments: {}, configuration: deployments(server) });
    const track = async (body: object): Promise<void> => {
      const headers = { 'content-type': 'application/json' };
      const patch = { method: 'PATCH', headers, body: JSON.stringify(body) };
      expect((await api.request('/deployments/d/settings/', patch)).status).toBe(202);
    };
    const id = await failed(api);
    await track({ featureDrift: { enabled: false } });
    server.options = {};
    await replayed(api, id);
    await track({ featureDrift: { enabled: true } });
    expect(await sizes(api)).toEqual(all(ROWS));
  });
});

function table<T>({ state }: ApiServer, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(state, 'server.sqlite'), { timeout: 10_000 });
  try {
    return work(database);
  } finally {
    database.close();
  }
}
