import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createS3Store } from '../../connectors/s3/s3-store.ts';
import { createWriter } from '../../src/codecs/formats.ts';
import { createObjectSink } from '../../src/codecs/objects/object-sink.ts';
import { verifyOutput } from '../../src/codecs/objects/verify-output.ts';
import type { Sink } from '../../src/core/sink.ts';
import { SinkPlan } from '../../src/testing.ts';
import { type Ended, sluice } from '../support/command-line.ts';
import { s3Settings } from '../support/s3-settings.ts';
import { needs } from '../support/services/needs.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';

const { signal } = new AbortController();
const MIB = 1024 * 1024;
/** Two parts and a bit, failed rows among them. */
const plan = new SinkPlan({ batches: 6, rowsPerBatch: 20, padding: 100_000 });
let place: S3Bucket;
let folder = '';

function url(key: string): string {
  return `s3://${place.bucket}/${key}`;
}

function sinkAt(key: string, partBytes = 5 * MIB): Sink {
  const store = createS3Store({ settings: { ...s3Settings(place), partBytes } });
  const compression = key.endsWith('.gz') ? 'gzip' : 'none';
  return createObjectSink({ store, key: url(key), writer: createWriter('csv', {}, compression), overwrite: false });
}

/** Writes `batches` with a commit in the middle, by two runs, and publishes it if that is all. */
async function write(key: string, batches = plan.size.batches): Promise<void> {
  for (const end of [Math.floor(batches / 2), batches]) {
    await using sink = sinkAt(key);
    const from = (await sink.open(plan.job, signal))?.sequence ?? 0;
    for (let sequence = from; sequence < end; sequence += 1)
      await sink.write(plan.batch(sequence), plan.schema, signal);
    await sink.commit(signal);
    if (end === plan.size.batches) await sink.publish(plan.facts(), plan.schema, signal);
  }
}

/** The command, for a user whom the tools of AWS know. */
function run(...args: readonly string[]): Promise<Ended> {
  const { endpointUrl, accessKeyId, secretAccessKey } = place;
  return sluice([...args, '--endpoint-url', endpointUrl], {
    env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
  });
}

async function problemsOf(key: string): Promise<readonly string[]> {
  await using store = createS3Store({ settings: s3Settings(place) });
  return (await verifyOutput(store, url(key), signal)).problems;
}

async function bytesOf(key: string): Promise<Buffer> {
  const { Body } = await place.client.send(new GetObjectCommand({ Bucket: place.bucket, Key: key }));
  return Buffer.from(await Body!.transformToByteArray());
}

async function put(key: string, Body: Buffer | string): Promise<void> {
  await place.client.send(new PutObjectCommand({ Bucket: place.bucket, Key: key, Body }));
}

/** A copy of the whole output of that name, to be spoilt. */
async function copyOf(key: string, to: string): Promise<void> {
  for (const ending of ['', '.manifest.json', '.dead.jsonl']) {
    const CopySource = `${place.bucket}/${key}${ending}`;
    await place.client.send(new CopyObjectCommand({ Bucket: place.bucket, Key: `${to}${ending}`, CopySource }));
  }
}

needs('s3')('an output in S3 that is verified', () => {
  beforeAll(async () => {
    place = await s3Bucket();
    folder = mkdtempSync(join(tmpdir(), 'sluice-s3-verify-'));
    await write('good/scored.csv');
  });
  afterAll(() => {
    place.client.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is whole when several runs wrote it, in one request or in parts, packed or not', async () => {
    const { code, stdout } = await run('verify', url('good/scored.csv'));
    expect(stdout).toMatch(/whole\. \d+ rows scored/);
    expect(code).toBe(0);
    await write('good/packed.csv.gz');
    expect(await problemsOf('good/packed.csv.gz')).toEqual([]);
    expect(JSON.parse((await bytesOf('good/scored.csv.manifest.json')).toString()).objects[0]).toMatchObject({
      sha256Tree: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('is the same, and whole, when its runs had parts of other sizes, and stopped anywhere between them', async () => {
    const sizes = [7.5, 5, 9, 5.25, 6, 5];
    for (const [sequence, mib] of sizes.entries()) {
      await using sink = sinkAt('good/sizes.csv', mib * MIB);
      expect((await sink.open(plan.job, signal))?.sequence ?? 0).toBe(sequence);
      await sink.write(plan.batch(sequence), plan.schema, signal);
      await sink.commit(signal);
      if (sequence === sizes.length - 1) await sink.publish(plan.facts(), plan.schema, signal);
    }
    expect(await problemsOf('good/sizes.csv')).toEqual([]);
    expect((await bytesOf('good/sizes.csv')).equals(await bytesOf('good/scored.csv'))).toBe(true);
    const [ofSizes, ofScored] = await Promise.all(
      ['good/sizes.csv', 'good/scored.csv'].map(
        async (key) => JSON.parse((await bytesOf(`${key}.manifest.json`)).toString()).objects[0].sha256Tree,
      ),
    );
    expect(ofSizes).toBe(ofScored);
  });

  test('is refused for a changed byte, a missing end, missing dead letters or a missing manifest', async () => {
    await copyOf('good/scored.csv', 'bad/scored.csv');
    const whole = await bytesOf('good/scored.csv');
    const changed = Buffer.from(whole);
    // In the filler of a row of its second part.
    changed[whole.length - 50_000] = changed[whole.length - 50_000]! ^ 1;
    await put('bad/scored.csv', changed);
    const { code, stderr } = await run('verify', url('bad/scored.csv'));
    expect(stderr).toMatch(/bad\/scored\.csv has SHA-256 tree hash [0-9a-f]{64}, the manifest says [0-9a-f]{64}/);
    expect(code).toBe(3);
    await put('bad/scored.csv', whole.subarray(0, -5));
    expect((await problemsOf('bad/scored.csv')).join('\n')).toContain(`holds ${whole.length - 5} bytes`);
    await put('bad/scored.csv', whole);
    expect(await problemsOf('bad/scored.csv')).toEqual([]);
    await place.client.send(new DeleteObjectCommand({ Bucket: place.bucket, Key: 'bad/scored.csv.dead.jsonl' }));
    expect(await problemsOf('bad/scored.csv')).toEqual([
      `${url('bad/scored.csv.dead.jsonl')} is missing; the manifest names it.`,
    ]);
    await place.client.send(new DeleteObjectCommand({ Bucket: place.bucket, Key: 'bad/scored.csv.manifest.json' }));
    expect((await problemsOf('bad/scored.csv')).join()).toContain('has no manifest');
    await put('bad/scored.csv.manifest.json', '{}');
    expect((await problemsOf('bad/scored.csv')).join()).toContain('is no manifest of this version');
  });

  test('is told unfinished, missing, or nowhere', async () => {
    await write('half/scored.csv', 4);
    expect((await problemsOf('half/scored.csv')).join()).toMatch(/is unfinished: [1-9]\d* bytes of it are durable/);
    await put('half/other.csv.ledger.json', 'no ledger');
    expect((await problemsOf('half/other.csv')).join()).toContain('is no ledger of this version');
    expect(await problemsOf('half/none.csv')).toEqual([`There is no output ${url('half/none.csv')}.`]);
    const { code, stderr } = await run('verify', 's3://no-such-bucket-of-ours/scored.csv');
    expect(stderr).toContain('There is no bucket no-such-bucket-of-ours');
    expect(code).toBe(3);
  });

  test('can be compared with a file, and with another in S3', async () => {
    const file = join(folder, 'scored.csv');
    writeFileSync(file, await bytesOf('good/scored.csv'));
    await copyOf('good/scored.csv', 'copy/scored.csv');
    for (const other of [file, url('copy/')]) {
      const { code, stdout } = await run('compare', url('good/scored.csv'), other, '--json');
      expect(code, stdout).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ changed: { rows: 0 }, rows: { onlyInA: 0, onlyInB: 0 } });
    }
  });

  test('that is asked whether it could be written is left as it is', async () => {
    const everything = async (): Promise<unknown> => {
      const { Contents } = await place.client.send(new ListObjectsV2Command({ Bucket: place.bucket }));
      const { Uploads } = await place.client.send(new ListMultipartUploadsCommand({ Bucket: place.bucket }));
      return [
        (Contents ?? []).map(({ Key, ETag }) => [Key, ETag]),
        (Uploads ?? []).map(({ Key, UploadId }) => [Key, UploadId]),
      ];
    };
    await write('asked/half.csv', 4);
    await using store = createS3Store({ settings: s3Settings(place) });
    const ask = (key: string, overwrite = false): Promise<void> => store.checkOutput!(url(key), { overwrite }, signal);
    const before = await everything();
    // An interrupted run will be continued.
    await ask('asked/half.csv');
    await ask('asked/new.csv');
    await ask('good/scored.csv', true);
    await expect(ask('good/scored.csv')).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await everything()).toEqual(before);
    await using writing = sinkAt('asked/half.csv');
    expect(await writing.open(plan.job, signal)).not.toBeNull();
    const held = await everything();
    await expect(ask('asked/half.csv')).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' });
    expect(await everything()).toEqual(held);
  });
});
