/**
 * Reading and writing objects of S3 beside bare loops over the same requests: `npm exec -- node test/bench/s3.ts [megabytes] [objects]
 * [latency in ms]`, 512, 10000 and 20 by default; 0 leaves out the first or the second. The server is that of the tests
 * (SLUICE_TEST_S3, or one that is started), so its work is in all figures and ratios of one run are what counts. Small objects are
 * read by way of a proxy that holds each request for the latency, and without it.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { defaultS3Settings } from '../../connectors/s3/s3-settings.ts';
import { createS3Store } from '../../connectors/s3/s3-store.ts';
import { createReaders, createWriter } from '../../src/codecs/formats.ts';
import { createObjectSink } from '../../src/codecs/objects/object-sink.ts';
import { createObjectSource } from '../../src/codecs/objects/object-source.ts';
import { schemaOf } from '../../src/core/schema.ts';
import type { ScoredBatch } from '../../src/core/scored-batch.ts';
import { commitPolicyOf } from '../../src/jobs/commit-policy.ts';
import type { JobDescription } from '../../src/jobs/description/parse-job.ts';
import { S3FaultProxy } from '../support/s3-fault-proxy.ts';
import { s3Settings } from '../support/s3-settings.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';

const ROUNDS = 3;
const COMMITS = commitPolicyOf({ outputSettings: { type: 's3' } } as JobDescription);
const { rangeBytes, partBytes } = defaultS3Settings;
const { signal } = new AbortController();

if (process.argv[2] === '--proxy') await holdRequests(process.argv[3] ?? '', Number(process.argv[4]));
else await main(Number(process.argv[2] ?? 512), Number(process.argv[3] ?? 10_000), Number(process.argv[4] ?? 20));

async function main(megabytes: number, objects: number, latency: number): Promise<void> {
  const place = await s3Bucket();
  const bytes = megabytes * 1_000_000;
  const rows = rowsOf(1_000_000);
  const rounds = megabytes > 0 ? ROUNDS : 0;
  if (megabytes > 0) await putLarge(place, 'large.csv', bytes);
  for (let round = 0; round < rounds; round += 1) {
    await compare(
      'GET',
      bytes / 1e6,
      'MB/s',
      () => bareGets(place, bytes),
      () => readAll(place, bytes),
    );
  }
  for (let round = 0; round < rounds; round += 1) {
    await compare(
      'PUT',
      bytes / 1e6,
      'MB/s',
      () => putLarge(place, `bare-${round}.csv`, bytes),
      () => writeAll(place, round, rows, bytes),
    );
  }
  if (objects > 0) await putSmall(place, objects);
  if (objects > 0) for (const ms of [0, latency]) await smallObjects(place, objects, ms);
  process.exit(0);
}

async function compare(
  what: string,
  amount: number,
  unit: string,
  bare: () => Promise<void>,
  ours: () => Promise<void>,
): Promise<void> {
  const [a, b] = [await timed(bare), await timed(ours)];
  const line = (name: string, { seconds, cpu }: Timed): string =>
    `${name} ${(amount / seconds).toFixed(0)} ${unit} (${cpu.toFixed(2)} CPU-s)`;
  console.log(
    `${what}: ${line('bare loop', a)}, ${line('sluice', b)}: ${((100 * a.seconds) / b.seconds).toFixed(0)} %`,
  );
}

interface Timed {
  readonly seconds: number;
  readonly cpu: number;
}

async function timed(work: () => Promise<void>): Promise<Timed> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

async function bareGets({ client, bucket }: S3Bucket, bytes: number): Promise<void> {
  let got = 0;
  while (got < bytes) {
    const Range = `bytes=${got}-${Math.min(bytes, got + rangeBytes) - 1}`;
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'large.csv', Range }));
    got += (await Body!.transformToByteArray()).length;
  }
}

async function readAll(place: S3Bucket, bytes: number): Promise<void> {
  await using store = createS3Store({ settings: s3Settings(place) });
  const key = `s3://${place.bucket}/large.csv`;
  await store.list(key, signal);
  let got = 0;
  for await (const chunk of store.read(key, 0, signal)) got += chunk.length;
  if (got !== bytes) throw new Error(`${got} bytes of ${bytes}`);
}

/** A bare loop over the parts of an upload. */
async function putLarge({ client, bucket }: S3Bucket, key: string, bytes: number): Promise<void> {
  const upload = { Bucket: bucket, Key: key };
  const created = await client.send(new CreateMultipartUploadCommand({ ...upload, ChecksumAlgorithm: 'CRC32' }));
  const { UploadId } = created;
  const part = Buffer.alloc(partBytes, 'a,b,c,1,2,3\n');
  const Parts = [];
  for (let at = 0; at < bytes; at += partBytes) {
    const PartNumber: number = Parts.length + 1;
    const Body = part.subarray(0, Math.min(partBytes, bytes - at));
    const sent = { ...upload, UploadId, PartNumber, Body, ChecksumAlgorithm: 'CRC32' as const };
    const { ETag, ChecksumCRC32 } = await client.send(new UploadPartCommand(sent));
    Parts.push({ PartNumber, ETag, ChecksumCRC32 });
  }
  await client.send(new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload: { Parts } }));
}

interface Rows {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

function rowsOf(bytes: number): Rows {
  const row = '12.345678,2001/01/14,ORD,LAX,carrier,-3.75,1\n';
  const count = Math.floor(bytes / row.length);
  return {
    bytes: Buffer.from(row.repeat(count)),
    ends: Uint32Array.from({ length: count }, (_, i) => (i + 1) * row.length),
  };
}

/** A whole output through the sink, with commits as often as a job has them. */
async function writeAll(place: S3Bucket, round: number, rows: Rows, bytes: number): Promise<void> {
  const schema = schemaOf(['y_PREDICTION', 'date', 'from', 'to', 'carrier', 'x', 'n']);
  await using sink = createObjectSink({
    store: createS3Store({ settings: s3Settings(place) }),
    key: `s3://${place.bucket}/sluice-${round}.csv`,
    writer: createWriter('csv', {}, 'none'),
    overwrite: true,
  });
  const job = { bench: 's3' };
  await sink.open(job, signal);
  const model = { id: 'm', version: null, name: null, target: null } as unknown as ScoredBatch['model'];
  const tally = { read: rows.ends.length, scored: rows.ends.length, failed: 0, skipped: 0 };
  let uncommitted = 0;
  let committed = performance.now();
  for (let sequence = 0, written = 0; written < bytes; sequence += 1, written += rows.bytes.length) {
    const batch: ScoredBatch = {
      sequence,
      through: { split: 'bench', after: { row: sequence } },
      intake: schema,
      output: { schema, ...rows },
      deadLetters: [],
      tally,
      intakeBytes: rows.bytes.length,
      badBytes: 0,
      model,
    };
    await sink.write(batch, schema, signal);
    uncommitted += rows.bytes.length;
    if (uncommitted >= COMMITS.everyBytes || performance.now() - committed >= COMMITS.everyMs) {
      await sink.commit(signal);
      uncommitted = 0;
      committed = performance.now();
    }
  }
  const facts = { version: 1, job, tally, model, intakeBytes: bytes, finished: new Date().toISOString() } as const;
  await sink.publish(facts, schema, signal);
}

function smallKey(index: number): string {
  return `small/${String(index).padStart(6, '0')}.csv`;
}

async function putSmall({ client, bucket }: S3Bucket, objects: number): Promise<void> {
  const Body = Buffer.from(`a,b,c\n${'1,2,3\n'.repeat(170)}`);
  for (let at = 0; at < objects; at += 16) {
    const some = Array.from({ length: Math.min(16, objects - at) }, (_, i) => smallKey(at + i));
    await Promise.all(some.map((Key) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }))));
  }
}

/** All rows of many small objects, identity and headers included, beside one GET after the other of some of them. */
async function smallObjects(place: S3Bucket, objects: number, latency: number): Promise<void> {
  const proxy = fork(import.meta.filename, ['--proxy', place.endpointUrl, String(latency)]);
  const [endpointUrl] = latency === 0 ? [place.endpointUrl] : ((await once(proxy, 'message')) as [string]);
  const reached = { ...place, endpointUrl };
  const { accessKeyId, secretAccessKey } = place;
  const bareClient = new S3Client({
    endpoint: endpointUrl,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  const some = Math.min(objects, 500);
  const bare = await timed(async () => {
    for (let index = 0; index < some; index += 1) {
      const { Body } = await bareClient.send(new GetObjectCommand({ Bucket: place.bucket, Key: smallKey(index) }));
      await Body!.transformToByteArray();
    }
  });
  let rows = 0;
  const ours = await timed(async () => {
    await using source = createObjectSource({
      store: createS3Store({ settings: s3Settings(reached) }),
      patterns: [`s3://${place.bucket}/small/`],
      readers: createReaders({}),
      compression: 'auto',
    });
    await source.identity(signal);
    const limits = { rows: 5_000, bytes: 1_000_000, lingerMs: Number.POSITIVE_INFINITY };
    for (const split of await source.splits(signal))
      for await (const batch of source.read(split, null, limits, signal)) rows += batch.rows;
  });
  proxy.kill();
  if (rows !== 170 * objects) throw new Error(`${rows} rows`);
  const [one, many] = [some / bare.seconds, objects / ours.seconds];
  console.log(
    `${objects} objects of 1 KB, ${latency} ms: one after the other ${one.toFixed(0)}/s, sluice ${many.toFixed(0)}/s ` +
      `(${ours.cpu.toFixed(1)} CPU-s): ${(many / one).toFixed(1)} times`,
  );
}

/** The proxy's own process. */
async function holdRequests(target: string, ms: number): Promise<void> {
  const proxy = await S3FaultProxy.start(target, new Agent({ keepAlive: true }));
  proxy.fault = async () => {
    proxy.seen.length = 0;
    await new Promise((resolve) => setTimeout(resolve, ms));
    return null;
  };
  process.send?.(proxy.endpointUrl);
}
