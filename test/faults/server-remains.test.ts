import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { aborted } from '../../src/jobs/queue/job-changes.ts';
import { JobStore } from '../../src/jobs/queue/store/job-store.ts';
import { createSeal } from '../../src/jobs/queue/store/seal.ts';
import { sealingKeys } from '../../src/jobs/queue/store/sealing-keys.ts';
import { storeAddress } from '../../src/jobs/queue/store/store-address.ts';
import { writeConfiguration } from '../support/api-server.ts';
import { isWhole } from '../support/effort.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { startServe } from '../support/serve-process.ts';
import { needs } from '../support/services/needs.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';
import { until } from '../support/until.ts';

const env = { SLUICE_KEY: '8f'.repeat(32) };
const CSV = `id,text\n${Array.from({ length: 40_000 }, (_, i) => `${i},${`row ${i} `.repeat(20)}\n`).join('')}`;

needs('s3')('an unfinished output in S3', () => {
  let state = '';
  let server: PredictionServer;
  let s3: S3Bucket;
  beforeEach(async () => {
    state = mkdtempSync(join(tmpdir(), 'sluice-remains-'));
    server = await PredictionServer.start();
    s3 = await s3Bucket();
  });
  afterEach(async () => {
    await server.close();
    s3.client.destroy();
    rmSync(state, { recursive: true, force: true });
  });

  const uploads = async (): Promise<number> =>
    (await s3.client.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket }))).Uploads?.length ?? 0;
  const objects = async (): Promise<number> =>
    (await s3.client.send(new ListObjectsV2Command({ Bucket: s3.bucket }))).KeyCount ?? 0;
  const start = () => {
    const { host } = new URL(s3.endpointUrl);
    const settings = { allowTargets: [host] };
    return startServe(writeConfiguration(state, { deployments: { d: server.url }, server: settings }), state, [], env);
  };
  const credentials = { awsAccessKeyId: '', awsSecretAccessKey: '' };
  const bodyFor = (key: string, more: object = {}): object => ({
    deploymentId: 'd',
    passthroughColumns: ['text'],
    chunkRows: 1_000,
    outputSettings: {
      type: 's3',
      url: `s3://${s3.bucket}/${key}`,
      endpointUrl: s3.endpointUrl,
      credentials: { ...credentials, awsAccessKeyId: s3.accessKeyId, awsSecretAccessKey: s3.secretAccessKey },
      partBytes: 5 * 1024 * 1024,
      ...more,
    },
  });

  test.each([
    ['out.csv', {}],
    ['folder/', { format: 'parquet', partitionColumns: ['y_PREDICTION'] }],
  ])('of a job that was aborted while its server was dead is removed by the next one, as %s', async (key, more) => {
    const gate = Promise.withResolvers<void>();
    server.options = {
      respond: ({ number }) => (number < 30 ? undefined : { after: gate.promise }),
      predict: () => '1',
    };
    const before = await start();
    const { id } = await before.create(bodyFor(key, more));
    await before.upload(id, CSV);
    await before.until(id, ({ scoredRows, status }) => scoredRows > 0 || status === 'ABORTED');
    await until(async () => (await uploads()) + (await objects()) > 1, 'parts of an upload, and a ledger');
    await before.kill();
    {
      const seal = createSeal(sealingKeys({ env })!);
      await using store = await JobStore.open(storeAddress(null, state), seal);
      await store.update(id, (now) => aborted(now, { reason: 'by ann', code: null, wall: Date.now() }));
    }
    expect((await uploads()) + (await objects())).toBeGreaterThan(1);
    await using after = await start();
    await until(async () => (await uploads()) + (await objects()) === 0, 'nothing of it left');
    expect((await after.job(id)).status).toBe('ABORTED');
    gate.resolve();
  });

  // An output in S3 is committed every ten seconds.
  if (isWhole)
    test('of another job at the same address stays', async () => {
      const gate = Promise.withResolvers<void>();
      server.options = { respond: ({ number }) => (number < 30 ? undefined : { after: gate.promise }) };
      const before = await start();
      const { id } = await before.create(bodyFor('out.csv'));
      await before.upload(id, CSV);
      const { client, bucket } = s3;
      const ledger = async (): Promise<string> => {
        // It may be written just now.
        const reply = client.send(new GetObjectCommand({ Bucket: bucket, Key: 'out.csv.ledger.json' }));
        return await reply.then(({ Body }) => Body?.transformToString() ?? '').catch(() => '');
      };
      await until(async () => (await ledger()).includes('"committed":true'), 'a commit');
      await before.kill();
      {
        const seal = createSeal(sealingKeys({ env })!);
        await using store = await JobStore.open(storeAddress(null, state), seal);
        // As a job that wrote there before, and was interrupted, and then aborted.
        const record = (await store.get(id))!;
        const other = `${id.slice(0, 8)}${'0'.repeat(16)}`;
        const end = aborted(record, { reason: 'by ann', code: null, wall: Date.now() });
        await store.insert({ ...record, id: other, ...end, claim: { runner: 'a dead one', beat: 0 } });
      }
      await using after = await start();
      server.options = {};
      gate.resolve();
      expect(await after.ended(id)).toMatchObject({ status: 'COMPLETED', scoredRows: 40_000 });
      // It went on where it was.
      expect(server.requests.length).toBeLessThan(60);
      expect(await uploads()).toBe(0);
    });
});
