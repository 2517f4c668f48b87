import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { type JobInput, runJob } from '../../src/index.ts';
import { startSluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { refusesBad, rowsWithBadOnes, writeJob } from '../support/replays.ts';
import { needs } from '../support/services/needs.ts';
import { s3Bucket } from '../support/services/s3.ts';

// The ledger of a replay says that it replaces an output, from its first moment on; that was taken over by whoever came next.
needs('s3')('a replay in S3 that was killed before it had written anything', () => {
  test('leaves a finished output that the next run refuses, as it was not told to replace it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-replay-'));
    await using server = await PredictionServer.start({ ...refusesBad, rejectAs: 'row' });
    const { client, bucket, endpointUrl, accessKeyId, secretAccessKey } = await s3Bucket();
    writeFileSync(join(folder, 'in.csv'), rowsWithBadOnes(70));
    const credentials = { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey };
    const job: JobInput = {
      deployment: { id: 'd', server: server.url },
      intakeSettings: { file: join(folder, 'in.csv') },
      outputSettings: { type: 's3', url: `s3://${bucket}/scored.csv`, endpointUrl, credentials },
    };
    await runJob(job).result;
    const before = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'scored.csv' }));
    const dead = Promise.withResolvers<void>();
    server.options = {
      respond: () => {
        child.process.kill('SIGKILL');
        return { after: dead.promise };
      },
    };
    const child = startSluice(['dlq', 'replay', writeJob(join(folder, 'job.json'), job)]);
    await child.ended;
    dead.resolve();
    server.options = {};
    await expect(runJob(job).result).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    const after = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'scored.csv' }));
    expect(after.ETag).toBe(before.ETag);
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    expect((Contents ?? []).map(({ Key }) => Key)).toEqual([
      'scored.csv',
      'scored.csv.dead.jsonl',
      'scored.csv.manifest.json',
    ]);
    rmSync(folder, { recursive: true });
  });
});
