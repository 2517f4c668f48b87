import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { type ApiServer, startApi, writeConfiguration } from '../support/api-server.ts';
import { DatarobotClient } from '../support/datarobot-client.ts';
import { startServe } from '../support/serve-process.ts';
import { leftOut } from '../support/services/left-out.ts';
import { s3Bucket } from '../support/services/s3.ts';

const root = join(import.meta.dirname, '../..');
const FLIGHTS = join(root, 'config/examples/flights.csv');
/** The keys of the rows, in the order of the file. */
const KEYS = parse<Record<string, string>>(readFileSync(FLIGHTS), { columns: true }).map((row) => row['flight_id']);
const ROWS = KEYS.length;

let client: DatarobotClient;
let folder = '';
let models: ModelServer;
let api: ApiServer;
beforeAll(async () => {
  client = await DatarobotClient.start();
  folder = mkdtempSync(join(tmpdir(), 'sluice-client-'));
  models = await startModelServer({ models: join(root, 'models'), port: 0 });
  api = await startApi({ deployments: { flights: models.url } });
}, 600_000);
afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await api?.[Symbol.asyncDispose]();
  await models?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Told {
  readonly id: string;
  readonly status: string;
  readonly details: string;
  readonly result: string;
}

function flow<T = Told>(name: string, settings: object = {}): Promise<T> {
  return client.flow<T>(name, api.base, { deployment: 'flights', file: FLIGHTS, ...settings });
}

/** The rows in the order of the file, each with its key and a prediction. */
function expectAllRows(csv: string): void {
  const [header, ...lines] = csv.trimEnd().split('\n');
  expect(header).toBe('delay_PREDICTION,flight_id');
  expect(lines.map((line) => line.split(',')[1])).toEqual(KEYS);
  for (const line of lines) expect(Number(line.split(',')[0])).not.toBeNaN();
}

describe("F59: DataRobot's own Python client, as it is,", { timeout: 180_000 }, () => {
  test('scores a file, waits for it and gets its result', async () => {
    const told = await flow('score');
    expect(told.status).toBe('COMPLETED');
    expectAllRows(told.result);
    expect(await api.result(told.id)).toBe(told.result);
  });

  test('scores a data frame with other settings', async () => {
    const { status, result } = await flow('score_data_frame');
    expect(status).toBe('COMPLETED');
    const [header, ...lines] = result.trimEnd().split('\n');
    expect(header).toMatch(/^late_by,prediction_status,flight_id,/);
    expect(lines).toHaveLength(ROWS);
    expect(lines.every((line) => line.split(',')[1] === 'OK')).toBe(true);
  });

  test('scores from file to file, uploading and downloading at the same time', async () => {
    const output = join(folder, 'scored.csv');
    expect((await flow('score_to_file', { output })).status).toBe('COMPLETED');
    expectAllRows(readFileSync(output, 'utf8'));
  });

  test('F61: scores a data frame into one, with each row at its index', async () => {
    const told = await flow<Told & { columns: string[]; indexes: number[]; predictions: number[]; untouched: boolean }>(
      'score_pandas',
    );
    expect(told.untouched).toBe(true);
    expect(told.columns).toContain('delay_PREDICTION');
    expect(told.indexes).toEqual(Array.from({ length: ROWS }, (_, i) => i + 7));
    expect(told.predictions.every((value) => Number.isFinite(value))).toBe(true);
  });

  test('downloads what is scored while it is still uploading', async () => {
    const told = await flow<Told & { upload: number[]; first_before_end: boolean }>('download_while_uploading');
    expect(told.upload).toEqual([202]);
    expect(told.first_before_end).toBe(true);
    expectAllRows(told.result);
  });

  test('lists by status, deletes, and is told that a deleted job has ended', async () => {
    const told = await flow<Told & Record<string, unknown>>('lists_and_ends');
    expect(told).toMatchObject({ status: 'ABORTED', before: true, after: false, aborted: true, second: 409 });
    expect(told['everything']).toBeGreaterThan(0);
    expect(told['ended']).toMatch(/abort/i);
  });

  test('F60: raises what is wrong, with its reason, and never hangs', async () => {
    const told = await flow<Record<string, string | number>>('errors', { output: join(folder, 'broken.csv') });
    expect(told['deployment']).toMatch(/422 client error.*no deployment.*nothing/s);
    expect(told['setting']).toMatch(/422 client error.*maxExplanations.*from 0 to 100/s);
    expect(told['azure']).toMatch(/422 client error.*azure.*not in this version/s);
    expect(told['job']).toMatch(/404 client error/);
    expect(told['broken_file']).not.toBe('no error');
    expect(told['reason']).toMatch(/quote/);
    expect(told['wait']).not.toBe('no error');
    for (const [name, seconds] of Object.entries(told).filter(([key]) => key.endsWith('_seconds')))
      expect(seconds, name).toBeLessThan(60);
  });

  test('scores again with the settings of an earlier job', async () => {
    const told = await flow<Told & { first: string; same: boolean }>('score_again');
    expect(told.id).not.toBe(told.first);
    expect(told).toMatchObject({ status: 'COMPLETED', same: true });
  });

  test.skipIf(leftOut().includes('s3'))('scores from S3 to S3, with credentials that the server has', async () => {
    const { bucket, client: s3, endpointUrl, accessKeyId, secretAccessKey } = await s3Bucket();
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'in.csv', Body: readFileSync(FLIGHTS) }));
    const credentials = { keys: { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey } };
    const state = mkdtempSync(join(folder, 's3-'));
    const options = { deployments: { flights: models.url }, configuration: { credentials } };
    const environment = { AWS_ENDPOINT_URL: endpointUrl, AWS_REGION: 'us-east-1' };
    await using serve = await startServe(writeConfiguration(state, options), state, [], environment);
    const settings = {
      deployment: 'flights',
      source: `s3://${bucket}/in.csv`,
      destination: `s3://${bucket}/out/scored.csv`,
    };
    for (let times = 0; times < 2; times += 1) {
      // The second time an object is there already, and is replaced.
      const told = await client.flow<Told>('score_s3', serve.base, settings);
      expect(told.status, told.details).toBe('COMPLETED');
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'out/scored.csv' }));
      expectAllRows(await Body!.transformToString());
    }
  });
});
