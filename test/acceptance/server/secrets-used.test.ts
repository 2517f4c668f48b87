import { randomBytes } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi } from '../../support/api-server.ts';
import { DatarobotClient } from '../../support/datarobot-client.ts';
import { PredictionServer } from '../../support/prediction-server.ts';
import { needs } from '../../support/services/needs.ts';
import { postgresDatabase } from '../../support/services/postgres.ts';
import { s3Bucket } from '../../support/services/s3.ts';

const newKey = (): string => randomBytes(32).toString('hex');

let predictions: PredictionServer;
beforeAll(async () => {
  predictions = await PredictionServer.start();
});
afterAll(() => predictions.close());

needs('postgres')('credentials that the server keeps', () => {
  let client: DatarobotClient;
  beforeAll(async () => {
    client = await DatarobotClient.start();
  }, 600_000);
  afterAll(() => client?.[Symbol.asyncDispose]());

  test("open a database to a job of DataRobot's own client, and stand in no reply", async () => {
    await using database = await postgresDatabase();
    await database.client.query('CREATE TABLE rows (x int); INSERT INTO rows SELECT * FROM generate_series(1, 100)');
    await using api = await startApi({
      deployments: { flights: predictions.url },
      env: { SLUICE_KEY: newKey() },
      configuration: { dataStores: { warehouse: { jdbcUrl: database.jdbcUrl } } },
    });
    const { user, password } = database;
    const settings = { deployment: 'flights', user, password: password || 'none-is-asked' };
    const told = await client.flow<Record<string, unknown>>('secrets', api.base, settings);
    expect(told).toMatchObject({
      status: 'COMPLETED',
      names: ['warehouse', 'bucket'],
      stores: ['warehouse', 'mine'],
      url: expect.stringMatching(/^jdbc:postgresql:\/\/[^@?]*$/),
      type: 's3',
      description: 'of a test',
      gone: true,
    });
    if (password !== '') expect(JSON.stringify(told)).not.toContain(password);
    const { rows } = await database.client.query<{ sum: string }>('SELECT sum("y_PREDICTION") FROM scored');
    expect(Number(rows[0]?.sum)).toBe(2 * 5050);
  });
});

needs('s3')('keys of S3 that the server keeps', () => {
  test('open a bucket behind an address that the server allows, and no other address', async () => {
    const { endpointUrl, accessKeyId, secretAccessKey, bucket, client } = await s3Bucket();
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'in.csv', Body: 'x\n1\n2\n' }));
    const setUp = async (allowTargets: readonly string[]) =>
      await startApi({
        deployments: { flights: predictions.url },
        env: { SLUICE_KEY: newKey() },
        server: { allowTargets },
      });
    const body = (credentialId: string): object => ({
      deploymentId: 'flights',
      intakeSettings: { type: 's3', url: `s3://${bucket}/in.csv`, endpointUrl, credentialId },
      outputSettings: { type: 's3', url: `s3://${bucket}/out.csv`, endpointUrl, credentialId },
    });
    const keys = {
      name: 'keys',
      credentialType: 's3',
      awsAccessKeyId: accessKeyId,
      awsSecretAccessKey: secretAccessKey,
    };
    await using api = await setUp([new URL(endpointUrl).host]);
    const { credentialId } = (await (await api.post('/credentials/', keys)).json()) as { credentialId: string };
    const job = await api.create(body(credentialId));
    expect((await api.ended(job.id)).status, (await api.job(job.id)).statusDetails).toBe('COMPLETED');
    const made = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'out.csv' }));
    expect(await made.Body?.transformToString()).toBe('y_PREDICTION\n2\n4\n');

    await using closed = await setUp([]);
    const other = (await (await closed.post('/credentials/', keys)).json()) as { credentialId: string };
    const refused = await closed.post('/batchPredictions/', body(other.credentialId));
    expect(refused.status).toBe(422);
    expect(await refused.text()).toMatch(/server\.allowTargets/);
  });
});

describe('the key of a server', () => {
  const body = {
    deploymentId: 'flights',
    outputSettings: { type: 'http', url: 'https://example.com/rows.csv', token: 'a-token' },
  };

  test('may be changed while the old one is given, and not be lost', async () => {
    const [old, next] = [newKey(), newKey()];
    const start = (env: Record<string, string>, state?: string) =>
      startApi({ deployments: { flights: predictions.url }, env, ...(state === undefined ? {} : { state }) });
    const before = await start({ SLUICE_KEY: old });
    await using _ = before;
    const { state } = before;
    const job = await before.create(body);
    await before.server.close();

    const rotated = await start({ SLUICE_KEY: next, SLUICE_KEY_OLD: old }, state);
    expect((await rotated.job(job.id)).jobSpec).toMatchObject({ outputSettings: { token: '[redacted]' } });
    await rotated.server.close();

    // All was sealed anew: the old key is not needed any more.
    const after = await start({ SLUICE_KEY: next }, state);
    expect((await after.job(job.id)).id).toBe(job.id);
    await after.server.close();

    for (const env of [{ SLUICE_KEY: old }, { SLUICE_KEY: '' }])
      await expect(start(env, state)).rejects.toMatchObject({ code: 'SEAL_BROKEN' });
  });
});
