import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { PutBucketPolicyCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { S3Settings } from '../../connectors/s3/s3-settings.ts';
import { createS3Store } from '../../connectors/s3/s3-store.ts';
import { defaultCsvSettings } from '../../src/codecs/csv/csv-settings.ts';
import { csvReaders } from '../../src/codecs/formats.ts';
import { createObjectSource } from '../../src/codecs/objects/object-source.ts';
import { findSluiceError, messageOf, type SluiceError } from '../../src/core/error.ts';
import type { ObjectStore } from '../../src/core/object-store.ts';
import { S3FaultProxy } from '../support/s3-fault-proxy.ts';
import { s3Settings } from '../support/s3-settings.ts';
import { selfSigned } from '../support/self-signed.ts';
import { needs } from '../support/services/needs.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';

const { signal } = new AbortController();
const KIB = 1024;
let place: S3Bucket;
let proxy: S3FaultProxy;
let open: ObjectStore[] = [];

/** A store that is reached by way of the proxy. */
function storeWith(changes: Partial<S3Settings> = {}): ObjectStore {
  const settings = { ...s3Settings(place), endpointUrl: proxy.endpointUrl, ...changes };
  const store = createS3Store({ settings });
  open.push(store);
  return store;
}

function url(key: string): string {
  return `s3://${place.bucket}/${key}`;
}

async function put(key: string, body: string | Buffer): Promise<void> {
  await place.client.send(new PutObjectCommand({ Bucket: place.bucket, Key: key, Body: Buffer.from(body) }));
}

async function keysOf(pattern: string): Promise<readonly string[]> {
  const found = await storeWith().list(url(pattern), signal);
  return found.map(({ key }) => key.slice(url('').length));
}

async function read(store: ObjectStore, key: string, offset = 0): Promise<Buffer> {
  await store.list(url(key), signal);
  const chunks: Buffer[] = [];
  for await (const chunk of store.read(url(key), offset, signal)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
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

/** Bytes no two stretches of which are alike. */
function noise(bytes: number): Buffer {
  const made = Buffer.alloc(bytes);
  for (let at = 0, state = 1; at < bytes; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    made[at] = state >>> 24;
  }
  return made;
}

needs('s3')('an intake in S3', () => {
  beforeEach(async () => {
    place = await s3Bucket();
    proxy = await S3FaultProxy.start(place.endpointUrl);
  });
  afterEach(async () => {
    for (const store of open) await store[Symbol.asyncDispose]();
    open = [];
    await proxy[Symbol.asyncDispose]();
    place.client.destroy();
  });

  test('is one object, all under a prefix, or all that a pattern matches, in the order of their keys', async () => {
    for (const key of ['in/b.csv', 'in/a.csv', 'in/2026/c.csv', 'in/2026/d.csv.gz', 'inner/e.csv', 'in/x.txt'])
      await put(key, 'a\n1\n');
    expect(await keysOf('in/a.csv')).toEqual(['in/a.csv']);
    expect(await keysOf('in/')).toEqual(['in/2026/c.csv', 'in/2026/d.csv.gz', 'in/a.csv', 'in/b.csv', 'in/x.txt']);
    expect(await keysOf('in/*.csv')).toEqual(['in/a.csv', 'in/b.csv']);
    expect(await keysOf('in/**/*.{csv,csv.gz}')).toEqual(['in/2026/c.csv', 'in/2026/d.csv.gz', 'in/a.csv', 'in/b.csv']);
    expect(await keysOf('')).toHaveLength(6);
  });

  test('takes a name that exists as it is, whatever is in it', async () => {
    for (const key of ['a*b[1].csv', 'ab1.csv', 'mit leer?zeichen & ümlaut+100%.csv']) await put(key, 'a\n1\n');
    expect(await keysOf('a*b[1].csv')).toEqual(['a*b[1].csv']);
    const strange = 'mit leer?zeichen & ümlaut+100%.csv';
    expect(await keysOf(strange)).toEqual([strange]);
    expect((await read(storeWith(), strange)).toString()).toBe('a\n1\n');
  });

  test('leaves out folders, hidden objects and what Sluice keeps beside its outputs, unless asked for', async () => {
    const others = ['in/_SUCCESS', 'in/.hidden.csv', 'in/_temporary/x.csv', 'in/o.csv.manifest.json'];
    const own = ['in/o.csv.dead.jsonl', 'in/o.csv.ledger.json', 'in/o.csv.partial/0', 'in/'];
    for (const key of ['in/a.csv', ...others, ...own]) await put(key, '');
    expect(await keysOf('in/')).toEqual(['in/a.csv']);
    expect(await keysOf('in/.*.csv')).toEqual(['in/.hidden.csv']);
    expect(await keysOf('in/_SUCCESS')).toEqual(['in/_SUCCESS']);
  });

  test('of more objects than one reply lists is listed whole', async () => {
    const keys = Array.from({ length: 1_050 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
    for (let at = 0; at < keys.length; at += 50)
      await Promise.all(keys.slice(at, at + 50).map((key) => put(key, 'a\n')));
    expect(await keysOf('many/')).toEqual(keys);
  });

  test('what is missing or refused has words of its own', async () => {
    await put('there/a.csv', 'a\n1\n');
    const list = (store: ObjectStore, address: string): Promise<SluiceError> =>
      refusalOf(() => store.list(address, signal));
    const cases = [
      [await list(storeWith(), url('nothing.csv')), 'INTAKE_NOT_FOUND', /no object s3:.*nothing\.csv/],
      [await list(storeWith(), url('there')), 'INTAKE_NOT_FOUND', /write s3:.*there\/ to read them/],
      [await list(storeWith(), url('none/')), 'INTAKE_NOT_FOUND', /no objects to read under/],
      [await list(storeWith(), url('*.parquet')), 'INTAKE_NOT_FOUND', /No object matches/],
      [
        await list(storeWith(), 's3://no-such-bucket-of-ours/a.csv'),
        'INTAKE_NOT_FOUND',
        /no bucket no-such-bucket-of-ours/,
      ],
      [await list(storeWith(), 'https://a/b'), 'CONFIG_INVALID', /write s3:\/\/bucket\/key/],
    ] as const;
    for (const [error, code, words] of cases) {
      expect(error.code, error.message).toBe(code);
      expect(error.message).toMatch(words);
    }
  });

  test('wrong, expired and missing credentials have words of their own, and none of them is repeated', async () => {
    await put('a.csv', 'a\n1\n');
    const secret = 'wrong-secret-8f2c';
    const { accessKeyId, secretAccessKey } = place;
    const listAs = (credentials: S3Settings['credentials']): Promise<SluiceError> =>
      refusalOf(() => storeWith({ credentials }).list(url('a.csv'), signal));
    const wrong = await listAs({ accessKeyId, secretAccessKey: secret, sessionToken: null });
    expect([wrong.code, wrong.message]).toEqual(['STORE_ACCESS', expect.stringContaining('secret access key')]);
    const unknown = await listAs({ accessKeyId: 'AKNOBODY', secretAccessKey: secret, sessionToken: null });
    expect([unknown.code, unknown.message]).toEqual(['STORE_ACCESS', expect.stringContaining('does not know')]);
    expect(await listAs('none')).toMatchObject({ code: 'STORE_ACCESS' });
    proxy.fault = ({ method }) =>
      method === 'GET' ? { answer: 400, code: 'ExpiredToken' } : { answer: 400, code: '' };
    const expired = await listAs({ accessKeyId, secretAccessKey, sessionToken: 'session-token-77' });
    expect([expired.code, expired.message]).toEqual(['STORE_ACCESS', expect.stringContaining('have expired')]);
    expect(proxy.seen.at(-1)?.headers['x-amz-security-token']).toBe('session-token-77');
    expect(proxy.seen).toHaveLength(8);
    for (const error of [wrong, unknown, expired]) {
      const all = `${error.message}${JSON.stringify(error)}${messageOf(error.cause)}`;
      for (const hidden of [secret, secretAccessKey, 'session-token-77']) expect(all).not.toContain(hidden);
    }
  });

  test('a store that nobody can reach is named with its address', async () => {
    const store = storeWith({ endpointUrl: 'http://127.0.0.1:9', connectMs: 0 });
    const error = await refusalOf(() => store.list(url('a.csv'), signal));
    expect([error.code, error.message]).toEqual(['STORE_UNREACHABLE', expect.stringContaining('127.0.0.1:9')]);
  });

  test('a public bucket is read without credentials', async () => {
    await put('a.csv', 'a\n1\n');
    const grants = [
      { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${place.bucket}/*` },
      { Effect: 'Allow', Principal: '*', Action: 's3:ListBucket', Resource: `arn:aws:s3:::${place.bucket}` },
    ];
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: grants });
    await place.client.send(new PutBucketPolicyCommand({ Bucket: place.bucket, Policy }));
    expect((await read(storeWith({ credentials: 'none' }), 'a.csv')).toString()).toBe('a\n1\n');
    expect(proxy.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test('an object that was replaced since it was listed is refused, small or large', async () => {
    for (const bytes of [1 * KIB, 400 * KIB]) {
      await put('a.csv', noise(bytes));
      const store = storeWith();
      await store.list(url('a.csv'), signal);
      await put('a.csv', Buffer.alloc(bytes, 'x'));
      const error = await refusalOf(() => read(store, 'a.csv'));
      expect([error.code, error.message]).toEqual(['INTAKE_CHANGED', expect.stringContaining('replaced')]);
    }
  });

  test('is read from any offset, by ranges of any size', async () => {
    const body = noise(700 * KIB);
    await put('a.bin', body);
    for (const offset of [0, 1, 256 * KIB, 699 * KIB, 700 * KIB, 701 * KIB]) {
      for (const rangeBytes of [64 * KIB, 100_001, 8 * KIB * KIB]) {
        const got = await read(storeWith({ rangeBytes, aheadBytes: 200 * KIB }), 'a.bin', offset);
        expect(got.equals(body.subarray(offset)), `${offset} by ${rangeBytes}`).toBe(true);
      }
    }
  });

  test('SlowDown, resets, truncated and silent replies, at any range, change nothing of what is read', async () => {
    const body = noise(900 * KIB);
    await put('a.bin', body);
    const faults = [
      { answer: 503, code: 'SlowDown' },
      { answer: 500, code: 'InternalError' },
      { replyBytes: 0, by: 'reset' },
      { replyBytes: 40_000, by: 'reset' },
      { replyBytes: 40_000, by: 'end' },
      { replyBytes: 1, by: 'silence' },
    ] as const;
    for (const fault of faults) {
      let gets = 0;
      // Every second request goes wrong, the repeated ones too.
      proxy.fault = ({ method }) => (method === 'GET' && (gets += 1) % 2 === 1 ? fault : null);
      const got = await read(storeWith({ rangeBytes: 128 * KIB, silenceMs: 300 }), 'a.bin');
      expect(got.equals(body), JSON.stringify(fault)).toBe(true);
    }
  });

  test('a connection that breaks off in every reply is read on as long as anything comes', async () => {
    const body = noise(600 * KIB);
    await put('a.bin', body);
    proxy.fault = ({ method }) => (method === 'GET' ? { replyBytes: 20_000, by: 'reset' } : null);
    const store = storeWith({ rangeBytes: 300 * KIB, retryMs: 0 });
    expect((await read(store, 'a.bin')).equals(body)).toBe(true);
  });

  test('a small object whose bytes were damaged on their way is fetched again', async () => {
    await put('a.csv', 'a,b\n1,2\n');
    let gets = 0;
    proxy.fault = ({ method }) => (method === 'GET' && (gets += 1) === 1 ? 'damaged reply' : null);
    expect((await read(storeWith(), 'a.csv')).toString()).toBe('a,b\n1,2\n');
    expect(gets).toBe(2);
  });

  test('an object that is damaged at every attempt is refused, with what to look for', async () => {
    await put('a.csv', 'a,b\n1,2\n');
    proxy.fault = ({ method }) => (method === 'GET' ? 'damaged reply' : null);
    const error = await refusalOf(() => read(storeWith({ retryMs: 0 }), 'a.csv'));
    expect([error.code, error.message]).toEqual(['STORE_UNREACHABLE', expect.stringContaining('damaged each time')]);
    expect(error.message).toContain('changes it on the way');
  });

  test('a reply that is too short at every attempt is refused, and says how short', async () => {
    await put('a.csv', 'a,b\n1,2\n');
    proxy.fault = ({ method }) => (method === 'GET' ? { replyBytes: 0, by: 'end' } : null);
    const error = await refusalOf(() => read(storeWith({ retryMs: 0 }), 'a.csv'));
    expect(error.code).toBe('STORE_UNREACHABLE');
    expect(error.message).toMatch(/a\.csv.*(ECONNRESET|aborted|ends after)/);
  });

  test('a slow link is waited for as long as anything comes, and held to what may be read ahead', async () => {
    const body = noise(600 * KIB);
    await put('a.bin', body);
    // Each range takes longer than a connection may be silent.
    proxy.fault = ({ method }) => (method === 'GET' ? { slowBytes: 8 * KIB, everyMs: 20 } : null);
    const store = storeWith({ rangeBytes: 200 * KIB, aheadBytes: 400 * KIB, silenceMs: 300, retryMs: 0 });
    expect((await read(store, 'a.bin')).equals(body)).toBe(true);
    const ranges = proxy.seen.filter(({ headers }) => headers.range !== undefined);
    expect(ranges).toHaveLength(3);
  });

  test('an address of something that is no store, or that nobody vouches for, is told from a store that is away', async () => {
    const answering = (head: number, text: string) =>
      createHttp((_, reply) => reply.writeHead(head, { 'content-type': 'text/html' }).end(text));
    const servers = [
      answering(200, '<html>hello</html>'),
      answering(404, '{"message":"Not Found"}'),
      createHttps(selfSigned),
    ];
    const addresses = await Promise.all(
      servers.map(async (server, at) => {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        return `${at === 2 ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
      }),
    );
    const cases = [
      [addresses[0]!, /does not speak S3\. Correct endpointUrl/],
      [addresses[1]!, /does not speak S3\. Correct endpointUrl/],
      [addresses[0]!.replace('http:', 'https:'), /speaks no TLS\. Write http:/],
      [addresses[2]!, /is not trusted .*NODE_EXTRA_CA_CERTS/],
    ] as const;
    for (const [endpointUrl, words] of cases) {
      for (const key of ['a.csv', 'in/']) {
        const error = await refusalOf(() => storeWith({ endpointUrl }).list(url(key), signal));
        expect([error.code, error.message]).toEqual(['STORE_UNREACHABLE', expect.stringMatching(words)]);
      }
    }
    for (const server of servers) server.close();
  });

  test('AWS_ENDPOINT_URL names the store where the settings do not', async () => {
    await put('a.csv', 'a\n1\n');
    vi.stubEnv('AWS_ENDPOINT_URL', proxy.endpointUrl);
    const { credentials, region } = s3Settings(place);
    const store = createS3Store({ settings: { credentials: credentials!, region: region! } });
    open.push(store);
    vi.unstubAllEnvs();
    expect((await read(store, 'a.csv')).toString()).toBe('a\n1\n');
    expect(proxy.seen.length).toBeGreaterThan(0);
  });

  test('the tools of AWS are asked who we are where nothing else says so, session token included', async () => {
    await put('a.csv', 'a\n1\n');
    const { accessKeyId, secretAccessKey } = place;
    vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
    expect((await read(storeWith({ credentials: 'chain' }), 'a.csv')).toString()).toBe('a\n1\n');
    vi.stubEnv('AWS_SESSION_TOKEN', 'session-token-77');
    proxy.seen.length = 0;
    await read(storeWith({ credentials: 'chain' }), 'a.csv').catch(() => undefined);
    expect(proxy.seen[0]?.headers['x-amz-security-token']).toBe('session-token-77');
    vi.unstubAllEnvs();
  });

  test('the columns of thousands of objects are looked at when they are read: each is fetched once, whatever may be kept', async () => {
    const keys = Array.from({ length: 130 }, (_, i) => `in/${String(i).padStart(3, '0')}.csv`);
    const other = 110;
    await Promise.all(keys.map((key, i) => put(key, i === other ? 'b\n1\n' : `a\n${'1\n'.repeat(500)}`)));
    await using source = createObjectSource({
      store: storeWith({ aheadBytes: 20 * KIB }),
      patterns: [url('in/')],
      readers: csvReaders(defaultCsvSettings),
      compression: 'auto',
    });
    await source.identity(signal);
    const splits = await source.splits(signal);
    const looked = proxy.count('GET');
    expect(looked).toBeLessThanOrEqual(100 + 20);
    let rows = 0;
    const limits = { rows: 10_000, bytes: 1_000_000, lingerMs: Number.POSITIVE_INFINITY };
    for (const split of splits.slice(100, other))
      for await (const batch of source.read(split, null, limits, signal)) rows += batch.rows;
    expect(rows).toBe(500 * (other - 100));
    expect(proxy.count('GET') - looked).toBeLessThanOrEqual(other - 100 + 20);
    const refused = await refusalOf(async () => {
      for await (const batch of source.read(splits[other]!, null, limits, signal)) rows += batch.rows;
    });
    expect(refused.message).toContain(keys[other]);
    expect(rows).toBe(500 * (other - 100));
  });

  test('credentials that expire in the middle end the read, and say so', async () => {
    await put('a.bin', noise(900 * KIB));
    proxy.fault = ({ method, headers }) =>
      method === 'GET' && headers.range?.startsWith('bytes=0-') === false
        ? { answer: 403, code: 'ExpiredToken' }
        : null;
    const error = await refusalOf(() => read(storeWith({ rangeBytes: 128 * KIB }), 'a.bin'));
    expect([error.code, error.message]).toEqual(['STORE_ACCESS', expect.stringContaining('Renew them')]);
  });

  test('no more is read ahead than allowed, however slow the reader', async () => {
    await put('a.bin', noise(3_000 * KIB));
    const rangeBytes = 100 * KIB;
    const store = storeWith({ rangeBytes, aheadBytes: 3 * rangeBytes });
    await store.list(url('a.bin'), signal);
    let got = 0;
    for await (const chunk of store.read(url('a.bin'), 0, signal)) {
      got += chunk.length;
      const begun = proxy.seen.filter(({ headers }) => headers.range !== undefined).length * rangeBytes;
      expect(begun - got).toBeLessThanOrEqual(3 * rangeBytes);
    }
    expect(got).toBe(3_000 * KIB);
  });

  test('a reader that wants the first bytes only asks for few, and leaves nothing behind', async () => {
    await put('a.bin', noise(3_000 * KIB));
    const store = storeWith();
    await store.list(url('a.bin'), signal);
    for await (const chunk of store.read(url('a.bin'), 0, signal)) {
      expect(chunk.length).toBeLessThanOrEqual(256 * KIB);
      break;
    }
    expect(proxy.seen.filter(({ method }) => method === 'GET')).toHaveLength(1);
  });

  test('small objects are fetched ahead of their turn, each once, for all passes over them', async () => {
    const keys = Array.from({ length: 120 }, (_, i) => `in/${String(i).padStart(3, '0')}.csv`);
    await Promise.all(keys.map((key) => put(key, `a\n${key}\n`)));
    const store = storeWith();
    const listed = await store.list(url('in/'), signal);
    for (let pass = 0; pass < 2; pass += 1) {
      for (const [index, { key }] of listed.entries()) {
        const chunks: Buffer[] = [];
        for await (const chunk of store.read(key, 0, signal)) chunks.push(Buffer.from(chunk));
        expect(Buffer.concat(chunks).toString()).toBe(`a\n${keys[index]}\n`);
      }
    }
    expect(proxy.seen.filter(({ method, operation }) => method === 'GET' && operation === 'GET')).toHaveLength(120);
  });

  test('small objects take no more memory than may be read ahead', async () => {
    const keys = Array.from({ length: 60 }, (_, i) => `in/${String(i).padStart(3, '0')}.bin`);
    const body = noise(100 * KIB);
    await Promise.all(keys.map((key) => put(key, body)));
    const store = storeWith({ aheadBytes: 500 * KIB });
    const listed = await store.list(url('in/'), signal);
    for (const [index, { key }] of listed.entries()) {
      for await (const chunk of store.read(key, 0, signal)) expect(body.equals(chunk)).toBe(true);
      const fetched = proxy.seen.filter(({ operation }) => operation === 'GET').length;
      expect(fetched).toBeLessThanOrEqual(index + 1 + 5);
    }
  });

  test('an abort ends a read that waits, with its reason', async () => {
    await put('a.bin', noise(900 * KIB));
    const aborting = new AbortController();
    const reason = new Error('enough');
    proxy.fault = ({ headers }) => {
      if (headers.range?.startsWith('bytes=0-') !== false) return null;
      setImmediate(() => aborting.abort(reason));
      return { replyBytes: 100, by: 'silence' };
    };
    const store = storeWith();
    await store.list(url('a.bin'), signal);
    const reading = (async () => {
      for await (const chunk of store.read(url('a.bin'), 0, aborting.signal)) expect(chunk.length).toBeGreaterThan(0);
    })();
    await expect(reading).rejects.toBe(reason);
  });

  test('the key of an object that the store cannot read itself is sent with every request for it', async () => {
    await put('a.bin', noise(900 * KIB));
    const customerKey = Buffer.alloc(32, 7).toString('base64');
    const none = { algorithm: null, kmsKeyId: null, kmsEncryptionContext: null };
    const encryption = { ...none, customerAlgorithm: 'AES256', customerKey };
    await read(storeWith({ encryption }), 'a.bin').catch(() => undefined);
    expect(proxy.seen.length).toBeGreaterThan(1);
    for (const { headers } of proxy.seen) {
      expect(headers['x-amz-server-side-encryption-customer-algorithm']).toBe('AES256');
      expect(headers['x-amz-server-side-encryption-customer-key']).toBe(customerKey);
    }
  });

  test('compressed objects are listed with the bytes that the store has of them', async () => {
    const packed = gzipSync('a\n1\n');
    await put('a.csv.gz', packed);
    expect(await storeWith().list(url('a.csv.gz'), signal)).toMatchObject([{ bytes: packed.length }]);
  });
});
