import { hostname } from 'node:os';
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { S3Ledger } from '../../connectors/s3/s3-ledger.ts';
import type { S3Settings } from '../../connectors/s3/s3-settings.ts';
import { createS3Store, type S3StoreOptions } from '../../connectors/s3/s3-store.ts';
import { findSluiceError, type SluiceError } from '../../src/core/error.ts';
import type { ObjectStore, StagedOutput } from '../../src/core/object-store.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { S3FaultProxy } from '../support/s3-fault-proxy.ts';
import { s3Settings } from '../support/s3-settings.ts';
import { needs } from '../support/services/needs.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const KEY = 'out/scored.csv';
const MANIFEST = { rows: 1 };
let place: S3Bucket;
let proxy: S3FaultProxy;
let stores: ObjectStore[] = [];

/** A store that is reached by way of the proxy. */
function storeWith(changes: Partial<S3Settings> = {}, options: Omit<S3StoreOptions, 'settings'> = {}): ObjectStore {
  const settings = { ...s3Settings(place), endpointUrl: proxy.endpointUrl, partBytes: 5 * MIB, ...changes };
  const store = createS3Store({ settings, ...options });
  stores.push(store);
  return store;
}

function stage(store = storeWith(), overwrite = false): Promise<StagedOutput> {
  return store.stage(`s3://${place.bucket}/${KEY}`, { overwrite }, signal);
}

async function keys(): Promise<readonly string[]> {
  const { Contents } = await place.client.send(new ListObjectsV2Command({ Bucket: place.bucket }));
  return (Contents ?? []).map(({ Key }) => Key ?? '');
}

async function uploads(): Promise<number> {
  const { Uploads } = await place.client.send(new ListMultipartUploadsCommand({ Bucket: place.bucket }));
  return Uploads?.length ?? 0;
}

async function bytesOf(key: string): Promise<Buffer> {
  const { Body } = await place.client.send(new GetObjectCommand({ Bucket: place.bucket, Key: key }));
  return Buffer.from(await Body!.transformToByteArray());
}

async function put(key: string, text: string): Promise<void> {
  await place.client.send(new PutObjectCommand({ Bucket: place.bucket, Key: key, Body: Buffer.from(text) }));
}

async function ledger(): Promise<S3Ledger> {
  return JSON.parse((await bytesOf(`${KEY}.ledger.json`)).toString()) as S3Ledger;
}

async function refusalOf(work: () => Promise<unknown>): Promise<SluiceError> {
  const outcome = await work().then(
    () => new Error('nothing was refused'),
    (error: unknown) => error,
  );
  const found = findSluiceError(outcome);
  if (found === undefined) throw outcome;
  return found;
}

/** Rows of an output of several parts. */
const LARGE = Buffer.alloc(12 * MIB, '0123456789abcdef\n');

/** A whole run with two commits: stages, writes, publishes. */
async function run(bytes: Buffer, store = storeWith(), overwrite = false): Promise<void> {
  await using output = await stage(store, overwrite);
  const half = Math.floor(bytes.length / 2);
  await output.append('rows', bytes.subarray(0, half), signal);
  await output.append('deadLetters', Buffer.from('{}\n'), signal);
  await output.commit({ at: 1 }, signal);
  await output.append('rows', bytes.subarray(half), signal);
  await output.commit({ at: 2 }, signal);
  await output.publish(MANIFEST, signal);
}

async function assertPublished(bytes: Buffer): Promise<void> {
  expect((await bytesOf(KEY)).equals(bytes)).toBe(true);
  expect((await keys()).toSorted()).toEqual([KEY, `${KEY}.dead.jsonl`, `${KEY}.manifest.json`]);
  expect(JSON.parse((await bytesOf(`${KEY}.manifest.json`)).toString())).toEqual(MANIFEST);
  expect(await uploads()).toBe(0);
}

/** Makes the ledger one of a process on another machine. */
async function moveHolder(): Promise<void> {
  const found = await ledger();
  const holder = { pid: 7, host: `not-${hostname()}`, started: null, boot: null, nonce: 'theirs' };
  await put(`${KEY}.ledger.json`, JSON.stringify({ ...found, holder }));
}

needs('s3')('an output in S3', () => {
  beforeEach(async () => {
    place = await s3Bucket();
    proxy = await S3FaultProxy.start(place.endpointUrl);
  });
  afterEach(async () => {
    proxy.fault = () => null;
    for (const store of stores) await store[Symbol.asyncDispose]();
    stores = [];
    await proxy[Symbol.asyncDispose]();
    place.client.destroy();
  });

  test('of several parts is one object in the end, and nothing else is left', async () => {
    await run(LARGE);
    await assertPublished(LARGE);
    expect(proxy.count('CreateMultipartUpload')).toBe(1);
    expect(proxy.count('UploadPart')).toBe(3);
  });

  test('that fits into one part is written by one request, without an upload', async () => {
    await run(Buffer.from('a,b\n1,2\n'));
    await assertPublished(Buffer.from('a,b\n1,2\n'));
    expect(proxy.count('CreateMultipartUpload')).toBe(0);
  });

  test('may be empty', async () => {
    await run(Buffer.alloc(0));
    await assertPublished(Buffer.alloc(0));
  });

  test.each([
    ['overloaded', { answer: 503, code: 'SlowDown' }],
    ['broken', { answer: 500, code: 'InternalError' }],
    ['cut off before their reply', 'lost reply'],
  ] as const)('is whole when every request once is %s', async (_, fault) => {
    const failed = new Set<string>();
    proxy.fault = ({ method, url, headers }) => {
      const request = `${method} ${url} ${headers['if-match'] ?? ''}`;
      if (failed.has(request)) return null;
      failed.add(request);
      return fault;
    };
    await run(LARGE);
    proxy.fault = () => null;
    await assertPublished(LARGE);
  });

  test('is whole when the reply to its completion is lost, and the store knows the upload no more', async () => {
    proxy.fault = ({ operation }) => {
      if (operation !== 'CompleteMultipartUpload') return null;
      return proxy.count(operation) === 1 ? 'lost reply' : { answer: 404, code: 'NoSuchUpload' };
    };
    await run(LARGE);
    proxy.fault = () => null;
    await assertPublished(LARGE);
  });

  test('is whole when bytes of every object and part are once damaged on their way', async () => {
    const damaged = new Set<string>();
    proxy.fault = ({ method, url }) => {
      if (method !== 'PUT' || damaged.has(url)) return null;
      damaged.add(url);
      return 'damaged request';
    };
    await run(LARGE);
    proxy.fault = () => null;
    await assertPublished(LARGE);
    expect(damaged.size).toBeGreaterThan(5);
  });

  test('sends no checksum that is not required where the server may not know it', async () => {
    await run(LARGE, storeWith({ checksums: 'whenRequired' }));
    await assertPublished(LARGE);
    const sent = proxy.seen.flatMap(({ headers }) => Object.keys(headers));
    expect(sent.filter((name) => name.startsWith('x-amz-checksum') || name === 'x-amz-sdk-checksum-algorithm')).toEqual(
      [],
    );
  });

  test('asks for the encryption that is set, for every object that it makes', async () => {
    const encryption = {
      algorithm: 'aws:kms',
      kmsKeyId: 'key-1',
      kmsEncryptionContext: 'e30=',
      customerAlgorithm: null,
      customerKey: null,
    } as const;
    await run(LARGE, storeWith({ encryption })).catch(() => undefined);
    const making = proxy.seen.filter(({ operation }) => operation === 'PUT' || operation === 'CreateMultipartUpload');
    expect(making.length).toBeGreaterThan(1);
    for (const { headers } of making) {
      expect(headers['x-amz-server-side-encryption']).toBe('aws:kms');
      expect(headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe('key-1');
      expect(headers['x-amz-server-side-encryption-context']).toBe('e30=');
    }
  });

  test('that somebody else wrote meanwhile is left as it is, and nothing of ours beside it', async () => {
    for (const bytes of [Buffer.from('small'), LARGE]) {
      let isAtEnd = false;
      const output = await stage();
      await output.append('rows', bytes, signal);
      await output.append('deadLetters', Buffer.from('{}\n'), signal);
      proxy.fault = async ({ method, url }) => {
        // Their object appears after we have looked whether there is one.
        if (method === 'PUT' && url.includes('manifest.json') && !isAtEnd) {
          isAtEnd = true;
          await put(KEY, 'theirs');
        }
        return null;
      };
      const error = await refusalOf(() => output.publish(MANIFEST, signal));
      expect(error.code).toBe('OUTPUT_EXISTS');
      await output.close();
      proxy.fault = () => null;
      expect((await bytesOf(KEY)).toString()).toBe('theirs');
      expect(await keys()).not.toContain(`${KEY}.manifest.json`);
      expect(await keys()).not.toContain(`${KEY}.dead.jsonl`);
      expect((await refusalOf(() => stage())).code).toBe('OUTPUT_EXISTS');
      await run(bytes, storeWith(), true);
      await assertPublished(bytes);
      for (const key of await keys()) {
        await place.client.send(new DeleteObjectCommand({ Bucket: place.bucket, Key: key }));
      }
    }
  });

  test('of two runs that begin at once goes to one of them', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => stage()));
    const taken = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(taken).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'OUTPUT_LOCKED' });
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value.close();
  });

  test('held by a run of another machine is refused while that shows signs of life, and taken over when it does not', async () => {
    const first = await stage();
    await first.append('rows', LARGE, signal);
    await first.commit({ at: 1 }, signal);
    await moveHolder();
    const clock = new ManualClock();
    const waiting = refusalOf(() => stage(storeWith({}, { clock })));
    await clock.asleep();
    await put(`${KEY}.ledger.json`, JSON.stringify({ ...(await ledger()), serial: 1000 }));
    clock.advance(30_000);
    const refused = await waiting;
    expect([refused.code, refused.message]).toEqual(['OUTPUT_LOCKED', expect.stringContaining(`not-${hostname()}`)]);

    const taking = stage(storeWith({}, { clock }));
    await clock.asleep();
    clock.advance(30_000);
    const second = await taking;
    expect(second.found).toEqual({ note: { at: 1 }, bytes: { rows: LARGE.length, deadLetters: 0 } });
    await second.append('deadLetters', Buffer.from('{}\n'), signal);

    // The first one wakes up again: it can do nothing any more, and what it sent does no harm.
    await first.append('rows', LARGE, signal);
    expect((await refusalOf(() => first.commit({ at: 2 }, signal))).code).toBe('OUTPUT_LOCKED');
    await first.close();
    await second.publish(MANIFEST, signal);
    await second.close();
    await assertPublished(LARGE);
  });

  test('shows signs of life while nothing is written', async () => {
    const clock = new ManualClock();
    const output = await stage(storeWith({ leaseMs: 30_000 }, { clock }));
    const seen = new Set([(await ledger()).serial]);
    for (let beat = 0; beat < 3; beat += 1) {
      await clock.asleep();
      clock.advance(10_000);
      await clock.asleep();
      seen.add((await ledger()).serial);
    }
    expect(seen.size).toBe(4);
    await output.close();
    expect(await keys()).toEqual([]);
  });

  test('is continued without reading again what it holds', async () => {
    const first = await stage();
    await first.append('rows', LARGE, signal);
    await first.commit({ at: 1 }, signal);
    await first.close();
    const before = proxy.seen.length;
    const second = await stage();
    const got = proxy.seen.slice(before).filter(({ operation }) => operation === 'GET');
    expect(got.length).toBeLessThanOrEqual(3);
    await second.append('deadLetters', Buffer.from('{}\n'), signal);
    await second.publish(MANIFEST, signal);
    await second.close();
    await assertPublished(LARGE);
  });

  test('that was interrupted loses the uploads and pieces that no ledger names', async () => {
    const first = await stage();
    await first.append('rows', LARGE, signal);
    await first.commit({ at: 1 }, signal);
    await first.close();
    const orphan = { Bucket: place.bucket, Key: KEY };
    const { UploadId } = await place.client.send(new CreateMultipartUploadCommand(orphan));
    await place.client.send(new UploadPartCommand({ ...orphan, UploadId, PartNumber: 1, Body: Buffer.from('x') }));
    await put(`${KEY}.partial/00000000-0000-4000-8000-000000000000`, 'x');
    await put(`${KEY}.partial/a-file-of-somebody`, 'x');
    expect(await uploads()).toBe(2);
    const second = await stage();
    expect(await uploads()).toBe(1);
    await second.append('deadLetters', Buffer.from('{}\n'), signal);
    await second.publish(MANIFEST, signal);
    await second.close();
    expect(await uploads()).toBe(0);
    expect(await keys()).toContain(`${KEY}.partial/a-file-of-somebody`);
    expect((await bytesOf(KEY)).equals(LARGE)).toBe(true);
  });

  test('whose upload somebody removed is refused', async () => {
    const first = await stage();
    await first.append('rows', LARGE, signal);
    await first.commit({ at: 1 }, signal);
    await first.close();
    const UploadId = (await ledger()).objects.rows.upload!.id;
    await place.client.send(new AbortMultipartUploadCommand({ Bucket: place.bucket, Key: KEY, UploadId }));
    const error = await refusalOf(() => stage());
    expect([error.code, error.message]).toEqual(['LEDGER_BROKEN', expect.stringContaining('--overwrite')]);
    await run(LARGE, storeWith(), true);
    await assertPublished(LARGE);
  });

  test('whose ledger is no ledger is refused, and replaced when told to', async () => {
    await put(`${KEY}.ledger.json`, '{"version":1}');
    expect((await refusalOf(() => stage())).code).toBe('LEDGER_BROKEN');
    await run(LARGE, storeWith(), true);
    await assertPublished(LARGE);
  });

  test('that is discarded leaves neither object nor upload, also while parts are on their way', async () => {
    const output = await stage();
    await output.append('rows', LARGE, signal);
    await output.commit({ at: 1 }, signal);
    await output.append('rows', LARGE, signal);
    await output.discard();
    await output.close();
    expect(await keys()).toEqual([]);
    expect(await uploads()).toBe(0);
  });

  test('can be started anew from its first byte', async () => {
    await using output = await stage();
    await output.append('rows', LARGE, signal);
    await output.commit({ at: 1 }, signal);
    await output.restart(signal);
    expect(output.found).toBeNull();
    await output.append('rows', Buffer.from('anew'), signal);
    await output.append('deadLetters', Buffer.from('{}\n'), signal);
    await output.publish(MANIFEST, signal);
    await assertPublished(Buffer.from('anew'));
  });

  test('commits little things without sending what it has again, and keeps few pieces', async () => {
    await using output = await stage();
    for (let at = 0; at < 150; at += 1) {
      await output.append('rows', Buffer.from(`${at}\n`), signal);
      await output.commit({ at }, signal);
      expect((await keys()).filter((key) => key.includes('.partial/')).length).toBeLessThanOrEqual(65);
    }
    await output.append('deadLetters', Buffer.from('{}\n'), signal);
    await output.publish(MANIFEST, signal);
    await assertPublished(Buffer.from(Array.from({ length: 150 }, (_, at) => `${at}\n`).join('')));
  });

  test('has its dead letters where they were sent, and nowhere else', async () => {
    const deadLettersUrl = `s3://${place.bucket}/bad/letters.jsonl`;
    const output = await stage(storeWith({}, { deadLettersUrl }));
    await output.append('deadLetters', Buffer.from('{}\n'), signal);
    await output.commit({ at: 1 }, signal);
    await output.close();
    expect((await refusalOf(() => stage())).code).toBe('LEDGER_OTHER_JOB');
    const again = await stage(storeWith({}, { deadLettersUrl }));
    expect(again.names).toEqual({ rows: 'scored.csv', deadLetters: '../bad/letters.jsonl' });
    await again.publish(MANIFEST, signal);
    await again.close();
    expect((await keys()).toSorted()).toEqual(['bad/letters.jsonl', KEY, `${KEY}.manifest.json`]);
    expect((await refusalOf(() => stage(storeWith({}, { deadLettersUrl })))).code).toBe('OUTPUT_EXISTS');
  });

  test('without the right to write, to a missing bucket, or with expired credentials is refused in its own words', async () => {
    const { accessKeyId } = place;
    const wrong = { accessKeyId, secretAccessKey: 'wrong-secret-8f2c', sessionToken: null };
    const refused = await refusalOf(() => stage(storeWith({ credentials: wrong })));
    expect([refused.code, refused.message]).toEqual(['STORE_ACCESS', expect.stringContaining('secret access key')]);
    const nowhere = storeWith().stage('s3://no-such-bucket-of-ours/a.csv', { overwrite: false }, signal);
    const missing = await refusalOf(() => nowhere);
    expect([missing.code, missing.message]).toEqual(['OUTPUT_UNWRITABLE', expect.stringContaining('no bucket')]);
    const output = await stage();
    proxy.fault = () => ({ answer: 403, code: 'ExpiredToken' });
    await output.append('rows', Buffer.from('x'), signal);
    const expired = await refusalOf(() => output.commit({ at: 1 }, signal));
    expect([expired.code, expired.message]).toEqual(['STORE_ACCESS', expect.stringContaining('it continues')]);
    proxy.fault = () => null;
    await output.close();
  });

  test('no secret is in what stands in the bucket', async () => {
    const { secretAccessKey } = place;
    const output = await stage();
    await output.append('rows', LARGE.subarray(0, 1000), signal);
    await output.commit({ at: 1 }, signal);
    expect((await bytesOf(`${KEY}.ledger.json`)).toString()).not.toContain(secretAccessKey);
    await output.publish(MANIFEST, signal);
    await output.close();
    for (const key of await keys()) expect((await bytesOf(key)).toString()).not.toContain(secretAccessKey);
  });

  test('larger than S3 takes is refused with what to do', async () => {
    const output = await stage();
    await output.append('rows', LARGE, signal);
    await output.commit({ at: 1 }, signal);
    await output.close();
    const found = await ledger();
    const { rows } = found.objects;
    const parts = rows.upload!.parts.map((part) => ({ ...part, number: 9_990 + part.number }));
    const objects = { ...found.objects, rows: { ...rows, upload: { ...rows.upload!, parts } } };
    for (const [index, { number }] of parts.entries()) {
      const part = { Bucket: place.bucket, Key: KEY, UploadId: rows.upload!.id, PartNumber: number };
      const Body = LARGE.subarray(5 * MIB * index, 5 * MIB * (index + 1));
      await place.client.send(new UploadPartCommand({ ...part, Body, ChecksumAlgorithm: 'CRC32' }));
    }
    await put(`${KEY}.ledger.json`, JSON.stringify({ ...found, objects }));
    await using again = await stage();
    const error = await refusalOf(() => again.append('rows', LARGE, signal));
    expect([error.code, error.message]).toEqual(['OUTPUT_UNWRITABLE', expect.stringContaining('partBytes')]);
  });
});
