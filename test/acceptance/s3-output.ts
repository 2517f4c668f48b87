import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Ledger } from '../../connectors/s3/s3-ledger.ts';
import type { S3Settings } from '../../connectors/s3/s3-settings.ts';
import { createS3Store } from '../../connectors/s3/s3-store.ts';
import { compressionOf, decompress } from '../../src/codecs/compression.ts';
import { createWriter, outputFormatOf } from '../../src/codecs/formats.ts';
import { createObjectSink } from '../../src/codecs/objects/object-sink.ts';
import type { Sink } from '../../src/core/sink.ts';
import {
  type DyingMoment,
  type DyingSinkPlace,
  type OpenSinkPlace,
  type PublishedOutput,
  type SinkDriver,
  SinkPlan,
  type SinkPlanSize,
} from '../../src/testing.ts';
import { endings, killEvery } from '../support/effort.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { killedAtChange } from '../support/killed-at-change.ts';
import { s3Settings } from '../support/s3-settings.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';
import type { OpenOutputs } from './file-output.ts';
import { otherFormats } from './format-files.ts';
import { leftoversOfPartitions, PARTITIONED, partitionedSink, readPartitions } from './partitioned-output.ts';
import { csvRows, lettersIn } from './published-text.ts';

const CHILD = join(import.meta.dirname, 'killed-s3-sink-child.ts');
const MIB = 1024 * 1024;

/** Outputs of one request, and outputs of several parts; the latter are large, and so their runs are killed at fewer places. */
export const outputSizes = {
  small: {
    plan: { batches: 9, rowsPerBatch: 30, padding: 10 },
    killed: { batches: 4, rowsPerBatch: 20, padding: 0 },
    every: 1,
  },
  parts: {
    plan: { batches: 9, rowsPerBatch: 20, padding: 62_000 },
    killed: { batches: 4, rowsPerBatch: 14, padding: 200_000 },
    every: 5,
  },
  /** Parquet is durable up to the end of a row group, of 8 MiB at the least. */
  rowGroups: {
    plan: { batches: 14, rowsPerBatch: 15, padding: 220_000 },
    killed: { batches: 4, rowsPerBatch: 15, padding: 350_000 },
    every: 9,
  },
} as const;

/** An address that ends in a slash is a folder of partitions. */
export function s3Sink(url: string, overwrite: boolean, settings: Partial<S3Settings>): Sink {
  if (url.endsWith('/'))
    return partitionedSink(url, overwrite, () => createS3Store({ settings: { ...settings, partBytes: 5 * MIB } }));
  return createObjectSink({
    store: createS3Store({ settings: { ...settings, partBytes: 5 * MIB } }),
    key: url,
    writer: createWriter(outputFormatOf('auto', url), {}, compressionOf(url)),
    overwrite,
  });
}

/** Outputs called `name`, each in a bucket of its own. */
export function s3Outputs(
  name: string,
  { plan, killed, every }: (typeof outputSizes)[keyof typeof outputSizes],
): OpenOutputs {
  return {
    plan: new SinkPlan(plan),
    killed: { plan: new SinkPlan(killed), every: killEvery(every) },
    endings,
    sideBySide: 3,
    place: () => s3Place(name, killed),
  };
}

async function s3Place(name: string, killed: SinkPlanSize): Promise<DyingSinkPlace & OpenSinkPlace> {
  const place = await s3Bucket();
  const { client, bucket } = place;
  const key = `out/${name}`;
  const url = `s3://${bucket}/${key}`;
  const own = new Set([key, `${key}.dead.jsonl`, `${key}.manifest.json`]);
  const keys = async (): Promise<readonly string[]> => {
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return (Contents ?? []).map(({ Key }) => Key ?? '');
  };
  return {
    sink: ({ overwrite }) => s3Sink(url, overwrite, s3Settings(place)),
    published: () => readOutput(place, key),
    leftovers: async () => {
      const found = await keys();
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      // What stands beside an output that is not there is left over too.
      const objects = found.filter((one) => !own.has(one) || !found.includes(key));
      return [...objects, ...(Uploads ?? []).map(({ Key }) => `an upload to ${Key}`)];
    },
    spoil: () => spoil(place, key),
    killedRun: (size, operation) => killedRun(place, url, size, operation),
    diedRun: async (moment) => {
      if ((await endOfRun(startRun(url, killed, s3Settings(place), moment))) !== 'killed')
        throw new Error('the run did not die');
    },
    secrets: [place.secretAccessKey],
    contents: async () =>
      await Promise.all(
        (await keys()).map(async (one) => `${one}\n${(await bytesOf(client, bucket, one))?.toString()}`),
      ),
    close: async () => {
      for (const one of await keys()) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: one }));
      client.destroy();
    },
  };
}

/** Folders of Parquet objects that are divided by the column `note`. */
export function s3Partitions(): SinkDriver {
  return {
    plan: new SinkPlan(PARTITIONED.plan),
    killed: { plan: new SinkPlan(PARTITIONED.killed), every: killEvery(PARTITIONED.every.objects) },
    endings,
    sideBySide: 3,
    place: async () => {
      const place = await s3Bucket();
      const { client, bucket } = place;
      const url = `s3://${bucket}/out/`;
      const read = (name: string): Promise<Buffer | null> => bytesOf(client, bucket, `out/${name}`);
      const names = async (): Promise<readonly string[]> => {
        const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'out/' }));
        return (Contents ?? []).map(({ Key }) => (Key ?? '').slice('out/'.length));
      };
      return {
        sink: ({ overwrite }) => s3Sink(url, overwrite, s3Settings(place)),
        published: async () => readPartitions(read, await names()),
        leftovers: async () => {
          const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
          const objects = await leftoversOfPartitions(read, await names());
          return [...objects, ...(Uploads ?? []).map(({ Key }) => `an upload to ${Key}`)];
        },
        spoil: () => spoil(place, 'out/.rows.csv'),
        killedRun: (size, operation) => killedRun(place, url, size, operation),
        close: async () => {
          for (const name of await names())
            await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `out/${name}` }));
          client.destroy();
        },
      };
    },
  };
}

/** Changes a byte of what is durable: in a part by sending another one of its number, else in a piece. */
async function spoil({ client, bucket }: S3Bucket, key: string): Promise<void> {
  const ledger = JSON.parse((await bytesOf(client, bucket, `${key}.ledger.json`))!.toString()) as S3Ledger;
  const { upload, pieces } = ledger.objects.rows;
  if (upload === null) {
    const piece = { Bucket: bucket, Key: pieces[0]!.key };
    const bytes = (await bytesOf(client, bucket, piece.Key))!;
    bytes[10] = bytes[10]! ^ 1;
    await client.send(new PutObjectCommand({ ...piece, Body: bytes }));
    return;
  }
  const part = { Bucket: bucket, Key: key, UploadId: upload.id, PartNumber: upload.parts[0]!.number };
  await client.send(new UploadPartCommand({ ...part, Body: Buffer.alloc(5 * MIB), ChecksumAlgorithm: 'CRC32' }));
}

async function killedRun(
  place: S3Bucket,
  url: string,
  size: SinkPlanSize,
  operation: number,
): Promise<'killed' | 'finished'> {
  const start = (endpointUrl: string): ChildProcess => startRun(url, size, { ...s3Settings(place), endpointUrl });
  return await killedAtChange(place.endpointUrl, start, operation);
}

function startRun(url: string, size: SinkPlanSize, settings: Partial<S3Settings>, moment?: DyingMoment): ChildProcess {
  const args = [url, JSON.stringify(size), JSON.stringify(settings), ...(moment === undefined ? [] : [moment])];
  return fork(CHILD, args, { stdio: 'inherit' });
}

async function readOutput({ client, bucket }: S3Bucket, key: string): Promise<PublishedOutput | null> {
  const stored = await bytesOf(client, bucket, key);
  if (stored === null) return null;
  const unpacked = decompress(compressionOf(key), Readable.from([stored]), key, new AbortController().signal);
  const chunks: Buffer[] = [];
  for await (const chunk of unpacked) chunks.push(Buffer.from(chunk));
  // Without its manifest an output is not finished, and the read fails as it should.
  const manifest = JSON.parse(
    (await bytesOf(client, bucket, `${key}.manifest.json`))!.toString(),
  ) as PublishedOutput['manifest'];
  const letters = (await bytesOf(client, bucket, `${key}.dead.jsonl`))?.toString() ?? '';
  const { columns, records } = key.endsWith('.parquet')
    ? await parquetOf(Buffer.concat(chunks))
    : csvRows(Buffer.concat(chunks));
  return {
    columns,
    records,
    deadLetters: lettersIn(letters),
    manifest,
  };
}

type Rows = Pick<PublishedOutput, 'columns' | 'records'>;

async function parquetOf(bytes: Buffer): Promise<Rows> {
  const { columns, rows } = await otherFormats.parquet.read(bytes);
  return { columns: columns ?? [], records: rows.map((row) => Object.values(row)) };
}

async function bytesOf(client: S3Bucket['client'], bucket: string, key: string): Promise<Buffer | null> {
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return Buffer.from(await Body!.transformToByteArray());
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return null;
    throw error;
  }
}
