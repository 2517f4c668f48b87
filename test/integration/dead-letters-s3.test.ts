import { join } from 'node:path';
import { GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { beforeAll, expect, test } from 'vitest';
import { type JobInput, runJob } from '../../src/index.ts';
import { startSluice } from '../support/command-line.ts';
import { ReplayScene } from '../support/replay-scene.ts';
import { lettersOf, refusesBad, replay, writeJob } from '../support/replays.ts';
import { needs } from '../support/services/needs.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';

const ROWS = 210;
const scene = await ReplayScene.open(ROWS);
const { folder, server, bad: BAD } = scene;
let place: S3Bucket;

function jobTo(key: string): JobInput {
  const { endpointUrl, accessKeyId: awsAccessKeyId, secretAccessKey: awsSecretAccessKey } = place;
  const credentials = { awsAccessKeyId, awsSecretAccessKey };
  return scene.job(
    { type: 's3', url: `s3://${place.bucket}/${key}`, endpointUrl, credentials },
    { includePredictionStatus: true, chunkRows: 10, numConcurrent: 1 },
  );
}

async function textOf(key: string): Promise<string> {
  const { Body } = await place.client.send(new GetObjectCommand({ Bucket: place.bucket, Key: key }));
  return (await Body?.transformToString()) ?? '';
}

async function keysUnder(prefix: string): Promise<readonly string[]> {
  const { Contents } = await place.client.send(new ListObjectsV2Command({ Bucket: place.bucket, Prefix: prefix }));
  return (Contents ?? []).map(({ Key }) => Key ?? '').toSorted();
}

needs('s3')('a replay of an object in S3', () => {
  beforeAll(async () => {
    place = await s3Bucket();
  });

  test('completes it to what a run gives that never had a bad row, also after one that was killed', async () => {
    server.options = { ...refusesBad, rejectAs: 'row' };
    const job = jobTo('scored.csv');
    await runJob(job).result;
    expect((await lettersOf(job)).map(({ output }) => output)).toEqual(BAD);
    const before = await textOf('scored.csv');
    const from = server.requests.length;
    const dead = Promise.withResolvers<void>();
    server.options = {
      respond: ({ number }) => {
        if (number !== from + 2) return undefined;
        child.process.kill('SIGKILL');
        return { after: dead.promise };
      },
    };
    const child = startSluice(['dlq', 'replay', writeJob(join(folder, 'killed.json'), job)]);
    await child.ended;
    dead.resolve();
    expect(await textOf('scored.csv')).toBe(before);
    server.options = {};
    expect(await replay(job)).toMatchObject([{ letters: BAD.length, scored: BAD.length }]);
    await runJob(jobTo('whole.csv')).result;
    expect(await textOf('scored.csv')).toBe(await textOf('whole.csv'));
    expect(await keysUnder('scored.csv')).toEqual(['scored.csv', 'scored.csv.manifest.json']);
    const { Uploads } = await place.client.send(new ListMultipartUploadsCommand({ Bucket: place.bucket }));
    expect(Uploads ?? []).toEqual([]);
    expect(await replay(job)).toMatchObject([{ letters: 0, scored: 0 }]);
  });
});
