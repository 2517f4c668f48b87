import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { schemaOf } from '../../src/core/schema.ts';
import type { Scores } from '../../src/core/scorer.ts';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { createScorer, type DeploymentAddress, type StackSettings } from '../../src/scoring/scorer-stack.ts';
import { MLFLOW_DEFAULTS } from '../../src/scoring/wires/mlflow.ts';
import { OIP_DEFAULTS } from '../../src/scoring/wires/oip.ts';
import { MODELS } from '../unit/model-server/golden-file.ts';
import { batchOf, faultOf, never, recordsOf } from '../unit/scoring/rows.ts';

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer({ models: MODELS, port: 0, tokens: ['let-me-in'] });
});
afterAll(() => server[Symbol.asyncDispose]());

const examples = join(import.meta.dirname, '../../config/examples');
const rowsOf = (file: string, delimiter = ',') => {
  const [header, ...lines] = readFileSync(join(examples, file), 'utf8').trimEnd().split('\n');
  const names = header!.split(delimiter);
  return batchOf(
    lines.map((line) => line.split(delimiter).map((cell) => cell || null)),
    schemaOf(names),
  );
};
const batches = {
  flights: rowsOf('flights.csv'),
  'flights-late': rowsOf('flights.csv'),
  penguins: rowsOf('penguins.csv', ';'),
};
type Id = keyof typeof batches;

async function score(
  id: Id,
  address: Partial<DeploymentAddress>,
  batch = batches[id],
  settings: Partial<StackSettings> = {},
): Promise<Scores> {
  const deployment = { id, server: server.url, token: 'let-me-in', ...address };
  await using scorer = createScorer(deployment, { numConcurrent: 1, ...settings }, { clock: systemClock }).scorer;
  await scorer.describe(never);
  return await scorer.score(batch, never);
}

const oip = { wire: 'oip' } as const;
const binary = { wire: 'oip', oip: { ...OIP_DEFAULTS, encoding: 'binary' } } as const;
const mlflow = (id: Id) => ({ wire: 'mlflow', server: `${server.url}/mlflow/${id}` }) as const;

describe.each(['flights', 'flights-late', 'penguins'] as const)('the model %s', (id) => {
  test('gives over the Open Inference Protocol, as JSON and in bytes, what it gives over the prediction API', async () => {
    const wanted = await score(id, {});
    expect(wanted.failures).toEqual([]);
    for (const wire of [oip, binary]) {
      const scores = await score(id, wire);
      expect(scores.columns).toEqual(wanted.columns);
      expect(recordsOf(scores)).toEqual(recordsOf(wanted));
      expect(scores.model).toEqual({ id, version: wanted.model!.id });
    }
  });

  test('gives over MLflow, as CSV and as dataframe_split, the same numbers', async () => {
    const wanted = await score(id, {});
    const target = { flights: 'delay', 'flights-late': 'late', penguins: 'species' }[id];
    for (const request of ['csv', 'dataframe_split'] as const) {
      const scores = await score(id, {
        ...mlflow(id),
        target,
        mlflow: { ...MLFLOW_DEFAULTS, request },
        ...(id === 'flights-late' ? { positiveClass: 'late' } : {}),
      });
      expect(scores.columns).toEqual(wanted.columns);
      // The label and its threshold are the server's own over the prediction API only.
      const shares = (all: Scores): readonly string[] =>
        recordsOf(all).map((record) => (id === 'flights-late' ? record.split(',').slice(0, 2).join() : record));
      expect(shares(scores)).toEqual(shares(wanted));
    }
  });
});

describe('a row that cannot be scored', () => {
  const spoiled = (bad: ReadonlySet<number>) =>
    batchOf(
      batches.flights
        .records()
        .map((record, row) => record.map((cell, i) => (bad.has(row) && i === at ? 'abc' : cell))),
      batches.flights.schema,
    );
  const at = batches.flights.schema.columns.findIndex(({ name }) => name === 'distance');
  const bad = new Set([0, 7, 8, 150]);

  test('fails alone, with the same rows failing over every wire', async () => {
    for (const wire of [{}, oip, binary, mlflow('flights')]) {
      const { failures } = await score('flights', wire, spoiled(bad));
      expect(failures.map(({ row }) => row)).toEqual([...bad]);
      for (const { reason } of failures) expect(reason).toContain('"distance": "abc" is not a number');
    }
  });

  test('is told by the server in an output of its own, where a client sent it', async () => {
    const reply = await fetch(`${server.url}/v2/models/flights/infer`, {
      method: 'POST',
      headers: { authorization: 'Bearer let-me-in' },
      body: JSON.stringify({
        id: 'q-1',
        inputs: [
          { name: 'date', datatype: 'BYTES', shape: [2], data: ['2001-02-27 23:29', 'soon'] },
          { name: 'distance', datatype: 'FP64', shape: [2, 1], data: [[1300], [999]] },
          { name: 'origin', datatype: 'BYTES', shape: [2], data: ['MSP', 'GSO'] },
          { name: 'destination', datatype: 'BYTES', shape: [2], data: ['LAS', 'DFW'] },
        ],
      }),
    });
    const { id, outputs } = (await reply.json()) as { id: string; outputs: readonly { data: readonly unknown[] }[] };
    expect([reply.status, id]).toEqual([200, 'q-1']);
    expect(outputs[0]!.data).toEqual([expect.any(Number), null]);
    expect(outputs[1]).toMatchObject({
      name: 'prediction_status',
      data: ['OK', expect.stringContaining('"soon" is not a date')],
    });
  });
});

describe('the Open Inference Protocol', () => {
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${server.url}${path}`, { headers: { authorization: 'Bearer let-me-in' }, ...init });

  test('says what there is: server, health, model, version', async () => {
    expect(await (await ask('/v2')).json()).toMatchObject({ name: 'sluice', extensions: ['binary_tensor_data'] });
    for (const path of ['/v2/health/live', '/v2/health/ready'])
      expect((await fetch(`${server.url}${path}`)).status).toBe(200);
    expect((await fetch(`${server.url}/v2/models/penguins`)).status).toBe(401);
    const metadata = (await (await ask('/v2/models/penguins')).json()) as { versions: readonly string[] };
    expect(metadata).toMatchObject({
      name: 'penguins',
      inputs: expect.arrayContaining([
        { name: 'Body Mass (g)', datatype: 'FP64', shape: [-1, 1] },
        { name: 'Island', datatype: 'BYTES', shape: [-1, 1] },
      ]),
      outputs: [{ datatype: 'FP32', shape: [-1, 3], parameters: { classes: ['Adelie', 'Chinstrap', 'Gentoo'] } }],
    });
    expect((await ask(`/v2/models/penguins/versions/${metadata.versions[0]}/ready`)).status).toBe(200);
    for (const path of ['/v2/models/nothing', '/v2/models/penguins/versions/0'])
      expect((await ask(path)).status).toBe(404);
  });

  test.each([
    ['{', 'not JSON'],
    ['{}', 'no inputs'],
    [{ inputs: [{ name: 'distance', datatype: 'FP64', shape: [1], data: [1] }] }, '"date"'],
    [{ inputs: [{ name: 'distance', datatype: 'FP64', shape: [2], data: [1] }] }, 'its shape says 2'],
    [{ inputs: [{ name: 'distance', datatype: 'FP64', shape: [1, 2], data: [1, 2] }] }, 'has not the shape'],
  ])('refuses %o and says why', async (body, problem) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const reply = await ask('/v2/models/flights/infer', { method: 'POST', body: text });
    expect([reply.status, await reply.text()]).toEqual([422, expect.stringContaining(problem.replaceAll('"', '\\"'))]);
  });

  test('of a deployment whose model is replaced answers with the version that a job is pinned to', async () => {
    await using own = await startModelServer({ models: MODELS, port: 0 });
    const pinned = own.deployments().find(({ deploymentId }) => deploymentId === 'flights')!.model.id;
    await using scorer = createScorer(
      { id: 'flights', server: own.url, wire: 'oip' },
      { numConcurrent: 1 },
      { clock: systemClock },
    ).scorer;
    await scorer.describe(never);
    await own.replaceModel('flights', 'flights.json');
    const scores = await scorer.score(batches.flights, never);
    expect(scores.model).toEqual({ id: 'flights', version: pinned });
  });

  test('is asked for nothing by a job whose rows lack a column', async () => {
    const lacking = batchOf([[1]], schemaOf(['distance']));
    for (const wire of [{}, oip])
      expect(await faultOf(score('flights', wire, lacking))).toMatchObject({
        code: 'MODEL_COLUMNS',
        message: expect.stringContaining('"date"'),
      });
  });
});

describe("MLflow's routes", () => {
  const ask = (path: string, body: string, type: string) =>
    fetch(`${server.url}/mlflow/flights${path}`, {
      method: 'POST',
      body,
      headers: { authorization: 'Bearer let-me-in', 'content-type': type },
    });

  test('take dataframe_records, and refuse what is none with the words of MLflow', async () => {
    const row = { date: '2001-02-27 23:29:00', distance: 1300, origin: 'MSP', destination: 'LAS' };
    const good = await ask('/invocations', JSON.stringify({ dataframe_records: [row, row] }), 'application/json');
    const { predictions } = (await good.json()) as { predictions: readonly number[] };
    expect(predictions).toHaveLength(2);
    for (const body of ['{', '{}', '{"dataframe_split":{"columns":["date"],"data":[[1,2]]}}']) {
      const refused = await ask('/invocations', body, 'application/json');
      expect([refused.status, await refused.json()]).toEqual([
        400,
        expect.objectContaining({ error_code: 'BAD_REQUEST' }),
      ]);
    }
    expect((await ask('/invocations', 'x', 'text/plain')).status).toBe(415);
  });
});

describe('an inference request', () => {
  const COLUMNS = ['Beak Length (mm)', 'Beak Depth (mm)', 'Flipper Length (mm)', 'Body Mass (g)', 'Sex'];
  const others = COLUMNS.map((name) => ({ name, shape: [1], datatype: 'BYTES', data: ['1'] }));
  const island = { name: 'Island', shape: [1], datatype: 'BYTES' };
  const infer = (body: string | Uint8Array<ArrayBuffer>, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${server.url}/v2/models/penguins/infer`, {
      method: 'POST',
      headers: { authorization: 'Bearer let-me-in', ...headers },
      body,
    });

  test('whose text goes on behind the bytes of its tensor is refused, and not scored by what came of it', async () => {
    const binary = (...bytes: readonly number[]): Promise<Response> => {
      const tensor = { ...island, parameters: { binary_data_size: bytes.length } };
      const head = Buffer.from(JSON.stringify({ inputs: [...others, tensor] }));
      return infer(Buffer.concat([head, Buffer.from(bytes)]), {
        'inference-header-content-length': String(head.length),
      });
    };
    const dream = Buffer.from('Dream');
    expect((await binary(5, 0, 0, 0, ...dream)).status).toBe(200);
    for (const cut of [
      [6, 0, 0, 0, ...dream],
      [5, 0, 0, 0, ...dream, 0, 0],
      [255, 255, 255, 255, ...dream],
    ]) {
      const reply = await binary(...cut);
      expect(reply.status).toBe(422);
      expect(await reply.json()).toEqual({ message: 'The input "Island" has a text that is longer than its bytes.' });
    }
  });

  test('with an object for a cell has a bad row, whatever the object is', async () => {
    const [length, ...rest] = others;
    const data = [{ toString: 1, valueOf: 1 }];
    const reply = await infer(
      JSON.stringify({ inputs: [{ ...length, data }, ...rest, { ...island, data: ['Dream'] }] }),
    );
    expect(reply.status).toBe(200);
    expect(JSON.stringify(await reply.json())).toContain('is not a number');
  });
});
