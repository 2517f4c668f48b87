import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiClient } from '../../support/api-client.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { sluice } from '../../support/command-line.ts';
import { PredictionServer } from '../../support/prediction-server.ts';

const ROWS = 'id,c\n1,a\n2,"b, c"\n';
const tokens = [
  { token: 'token-of-anna', user: 'anna' },
  { token: 'token-of-bert', user: 'bert' },
  { token: 'token-of-root', user: 'root', role: 'admin' },
  { token: 'reader-of-anna', user: 'anna', role: 'read' },
];
let prediction: PredictionServer;

beforeAll(async () => {
  prediction = await PredictionServer.start();
});
afterAll(() => prediction.close());

function start(server: object = {}): Promise<ApiServer> {
  return startApi({ deployments: { d: prediction.url }, server: { tokens, ...server }, token: 'token-of-anna' });
}

interface Made {
  readonly catalogId: string;
  readonly catalogVersionId: string;
  readonly statusId: string;
}

interface Shown {
  readonly datasetId: string;
  readonly versionId: string;
  readonly name: string;
  readonly createdBy: string;
  readonly rowCount: number;
}

const as = (user: string): Readonly<Record<string, string>> => ({ authorization: `Bearer token-of-${user}` });

function send(
  api: ApiClient,
  path: string,
  csv: string,
  name = 'rows.csv',
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const body = new FormData();
  body.append('file', new Blob([csv]), name);
  return api.request(path, { method: 'POST', body, headers: headers });
}

async function made(reply: Response): Promise<Made> {
  expect(reply.status, await reply.clone().text()).toBe(202);
  return (await reply.json()) as Made;
}

async function list(api: ApiClient, user: string): Promise<readonly Shown[]> {
  const reply = await api.request('/datasets/?orderBy=created', { headers: as(user) });
  return ((await reply.json()) as { data: Shown[] }).data;
}

async function scored(api: ApiServer, intake: object): Promise<string> {
  const { id } = await api.create({
    deploymentId: 'd',
    intakeSettings: { type: 'dataset', ...intake },
    passthroughColumnsSet: 'all',
  });
  const ended = await api.ended(id);
  return ended.status === 'COMPLETED' ? await api.result(id) : ended.statusDetails;
}

describe('a file that is sent as a form', () => {
  test('is a dataset, by way of a status address, that jobs read', async () => {
    await using api = await start();
    const reply = await send(api, '/datasets/fromFile/', ROWS, '../some folder/flights.csv');
    const { catalogId, catalogVersionId, statusId } = await made(reply);
    const location = reply.headers.get('location')!;
    expect(location).toBe(`${api.base}/status/${statusId}/`);
    const status = await api.request(location, { redirect: 'manual' });
    expect([status.status, status.headers.get('location')]).toEqual([303, `${api.base}/datasets/${catalogId}/`]);
    const shown = (await (await api.request(`/datasets/${catalogId}/`)).json()) as Shown;
    expect(shown).toMatchObject({
      versionId: catalogVersionId,
      name: 'flights.csv',
      createdBy: 'anna',
      rowCount: 2,
      processingState: 'COMPLETED',
    });
    expect(await scored(api, { datasetId: catalogId })).toBe('y_PREDICTION,id,c\n2,1,a\n4,2,"b, c"\n');
  });

  test('gets another name where that is taken, and another version where that is asked for', async () => {
    await using api = await start();
    const first = await made(await send(api, '/datasets/fromFile/', ROWS));
    const second = await made(await send(api, '/datasets/fromFile/', ROWS));
    expect(second.catalogId).not.toBe(first.catalogId);
    expect((await list(api, 'anna')).map(({ name }) => name)).toEqual(['rows.csv', 'rows.csv-2']);
    const reply = await send(api, `/datasets/${first.catalogId}/versions/fromFile/`, 'id,c\n9,z\n');
    const { catalogId, catalogVersionId } = await made(reply);
    expect(catalogId).toBe(first.catalogId);
    const status = await api.request(reply.headers.get('location')!, { redirect: 'manual' });
    expect(status.headers.get('location')).toBe(`${api.base}/datasets/${catalogId}/versions/${catalogVersionId}/`);
    expect(await scored(api, { datasetId: catalogId })).toBe('y_PREDICTION,id,c\n18,9,z\n');
    const older = { datasetId: catalogId, datasetVersionId: first.catalogVersionId };
    expect(await scored(api, older)).toContain('\n2,1,a\n');
  });

  test('that is no CSV, is empty, too large, or no form is refused with the reason, and nothing of it stays', async () => {
    await using api = await start({ limits: { uploadBytes: 1_000, columns: 3 } });
    const refusals: readonly (readonly [string, number, RegExp])[] = [
      ['id,c\n1,"a\n', 422, /rows\.csv.*quote/i],
      ['id,c\n1\n', 422, /line 2/],
      ['', 422, /header|empty|no rows/],
      ['id,c\n', 422, /no rows/],
      ['a,b,c,d\n1,2,3,4\n', 422, /columns/],
      [`id\n${'1\n'.repeat(600)}`, 413, /1000 bytes/],
      ['a\0b\n', 422, /text|binary|NUL/i],
    ];
    for (const [csv, status, reason] of refusals) {
      const reply = await send(api, '/datasets/fromFile/', csv);
      expect([reply.status, await reply.text()]).toEqual([status, expect.stringMatching(reason)]);
    }
    const plain = await api.request('/datasets/fromFile/', {
      method: 'POST',
      body: ROWS,
      headers: { 'content-type': 'text/csv' },
    });
    expect(plain.status).toBe(406);
    expect((await send(api, '/datasets/none/versions/fromFile/', ROWS)).status).toBe(404);
    expect(await list(api, 'root')).toEqual([]);
    const files = readdirSync(join(api.state, 'catalog'), { recursive: true, withFileTypes: true });
    expect(files.filter((file) => file.isFile() && !file.name.startsWith('index.sqlite'))).toEqual([]);
    expect(api.log).toEqual([]);
  });

  test('counts among the uploads at once, and one that breaks off leaves nothing', async () => {
    await using api = await start({ limits: { uploadsPerUser: 1 } });
    const sending = new AbortController();
    const head = `--b\r\ncontent-disposition: form-data; name="file"; filename="half.csv"\r\n\r\n${ROWS}`;
    const gate = Promise.withResolvers<void>();
    const half = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from(head));
        await gate.promise;
      },
    });
    const open = api
      .request('/datasets/fromFile/', {
        method: 'POST',
        body: half,
        duplex: 'half',
        headers: { 'content-type': 'multipart/form-data; boundary=b' },
        signal: sending.signal,
      })
      .catch(() => null);
    const busy = async (): Promise<number> => (await send(api, '/datasets/fromFile/', ROWS, 'other.csv')).status;
    await expect.poll(busy, { timeout: 10_000 }).toBe(429);
    expect((await send(api, '/datasets/fromFile/', ROWS, 'hers.csv', as('bert'))).status).toBe(202);
    sending.abort();
    await open;
    await expect.poll(busy, { timeout: 10_000 }).toBe(202);
    expect((await list(api, 'root')).map(({ name }) => name)).not.toContain('half.csv');
    gate.resolve();
  });
});

describe('a dataset of a user', () => {
  test('is not there for others: not in lists, by its ID or its name, for changes or for jobs', async () => {
    await using api = await start();
    const { catalogId } = await made(await send(api, '/datasets/fromFile/', ROWS, 'secret.csv', as('bert')));
    expect(await list(api, 'anna')).toEqual([]);
    expect((await list(api, 'root')).map(({ createdBy }) => createdBy)).toEqual(['bert']);
    for (const name of [catalogId, 'secret.csv'])
      for (const [method, path] of [
        ['GET', `/datasets/${name}/`],
        ['GET', `/datasets/${name}/file/`],
        ['GET', `/datasets/${name}/versions/`],
        ['DELETE', `/datasets/${name}/`],
      ] as const)
        expect((await api.request(path, { method })).status, `${method} ${path}`).toBe(404);
    expect((await send(api, `/datasets/${catalogId}/versions/fromFile/`, ROWS)).status).toBe(404);
    for (const datasetId of [catalogId, 'secret.csv']) {
      const said = await scored(api, { datasetId });
      expect(said).toMatch(/no dataset/);
      expect(said.replace(datasetId, '')).not.toContain('secret');
    }
    const reader = { authorization: 'Bearer reader-of-anna' };
    expect((await send(api, '/datasets/fromFile/', ROWS, 'rows.csv', reader)).status).toBe(403);
  });

  test('is given another name, and removed, by him or an admin', async () => {
    await using api = await start();
    const { catalogId } = await made(await send(api, '/datasets/fromFile/', ROWS));
    await made(await send(api, '/datasets/fromFile/', ROWS, 'other.csv'));
    const patch = (body: object): Promise<Response> =>
      api.request(`/datasets/${catalogId}/`, {
        method: 'PATCH',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
    expect(await (await patch({ name: 'flights', categories: ['PREDICTION'] })).json()).toMatchObject({
      name: 'flights',
      datasetId: catalogId,
    });
    expect((await patch({ name: 'other.csv' })).status).toBe(409);
    expect((await patch({ name: '../x' })).status).toBe(422);
    expect(await scored(api, { datasetId: 'flights' })).toContain('\n2,1,a\n');
    expect((await api.request(`/datasets/${catalogId}/`, { method: 'DELETE' })).status).toBe(204);
    expect((await api.request(`/datasets/${catalogId}/`)).status).toBe(404);
    expect(readdirSync(join(api.state, 'catalog/data'))).toHaveLength(1);
    const [other] = await list(api, 'anna');
    const path = `/datasets/${other!.datasetId}/`;
    expect((await api.request(path, { method: 'DELETE', headers: as('root') })).status).toBe(204);
    expect(await list(api, 'anna')).toEqual([]);
  });

  test('takes the place of no other by being called as that one is known', async () => {
    await using api = await start();
    const { catalogId } = await made(await send(api, '/datasets/fromFile/', ROWS));
    await made(await send(api, '/datasets/fromFile/', 'id,c\n666,x\n', catalogId, as('bert')));
    expect(await scored(api, { datasetId: catalogId })).toContain('\n2,1,a\n');
  });
});

test('datasets of the command line are there for all, and changed by admins alone', async () => {
  await using api = await start();
  const { state } = api;
  const env = { SLUICE_STATE: state };
  const flights = join(import.meta.dirname, '../../../config/examples/flights.csv');
  const added = await sluice(['catalog', 'add', 'shared', flights], { cwd: state, env });
  expect(added.code, added.stderr).toBe(0);
  await made(await send(api, '/datasets/fromFile/', ROWS, 'hers'));
  const taken = await sluice(['catalog', 'add', 'hers', flights], { cwd: state, env });
  expect([taken.code, taken.stderr]).toEqual([1, expect.stringMatching(/hers is one that anna has uploaded/)]);
  const [shared] = await list(api, 'anna');
  expect(shared).toMatchObject({ name: 'shared', createdBy: 'sluice' });
  const path = `/datasets/${shared!.datasetId}/`;
  expect((await api.request(path, { method: 'DELETE' })).status).toBe(403);
  expect((await send(api, `${path}versions/fromFile/`, ROWS)).status).toBe(403);
  expect((await api.request(path, { method: 'DELETE', headers: as('root') })).status).toBe(204);
});

test('where the datasets are those of another catalog, none is made here', async () => {
  await using library = await start();
  await using api = await startApi({
    deployments: { d: prediction.url },
    configuration: { catalog: { url: library.base, token: 'token-of-anna' } },
  });
  const reply = await send(api, '/datasets/fromFile/', ROWS);
  expect([reply.status, await reply.text()]).toEqual([409, expect.stringContaining('another catalog')]);
});
