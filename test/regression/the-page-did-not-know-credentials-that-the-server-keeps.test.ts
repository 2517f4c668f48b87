import { randomBytes } from 'node:crypto';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { startApi } from '../support/api-server.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { needs } from '../support/services/needs.ts';
import { s3Bucket } from '../support/services/s3.ts';

needs('s3')('a job whose output is opened by credentials that the server keeps', () => {
  test('shows its bad rows, and has them replayed', async () => {
    const { endpointUrl, accessKeyId, secretAccessKey, bucket, client } = await s3Bucket();
    const reject = (fields: readonly string[]) => (fields[0] === '2' ? 'two is bad' : null);
    await using predictions = await PredictionServer.start({ reject, rejectAs: 'row' });
    await using api = await startApi({
      deployments: { flights: predictions.url },
      env: { SLUICE_KEY: randomBytes(32).toString('hex') },
      server: { allowTargets: [new URL(endpointUrl).host] },
    });
    const keys = { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey };
    const made = await api.post('/credentials/', { name: 'keys', credentialType: 's3', ...keys });
    const { credentialId } = (await made.json()) as { credentialId: string };
    const { id } = await api.create({
      deploymentId: 'flights',
      abortOnError: false,
      outputSettings: { type: 's3', url: `s3://${bucket}/out.csv`, endpointUrl, credentialId },
    });
    await api.upload(id, 'x\n1\n2\n3\n');
    expect((await api.ended(id)).status).toBe('COMPLETED');
    const letters = await api.request(`/live/jobs/${id}/letters/`);
    expect(await letters.json()).toMatchObject({ letters: 1, causes: [{ cause: expect.stringContaining('bad') }] });

    predictions.options = {};
    expect((await api.post(`/live/jobs/${id}/replay/`, {})).ok).toBe(true);
    await expect.poll(async () => (await api.job(id)).failedRows, { timeout: 20_000 }).toBe(0);
    const output = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'out.csv' }));
    expect(await output.Body?.transformToString()).toBe('y_PREDICTION\n2\n4\n6\n');
  });
});
