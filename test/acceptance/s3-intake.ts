import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3Settings } from '../../connectors/s3/s3-settings.ts';
import { createS3Store } from '../../connectors/s3/s3-store.ts';
import { defaultCsvSettings } from '../../src/codecs/csv/csv-settings.ts';
import { csvReaders } from '../../src/codecs/formats.ts';
import { createObjectSource } from '../../src/codecs/objects/object-source.ts';
import type { Source } from '../../src/core/source.ts';
import type { DifficultIntake, KillableSourceDriver, SecretSourceDriver, WideIntake } from '../../src/testing.ts';
import { S3FaultProxy } from '../support/s3-fault-proxy.ts';
import { s3Settings } from '../support/s3-settings.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';

/** How the objects of an intake are made. */
export interface ObjectForm {
  readonly compression: 'none' | 'gzip';
  /** Bytes of filler in each row: with some a hundred KB objects are read by ranges, and not whole. */
  readonly padding: number;
}

const READER = join(import.meta.dirname, 's3-reader-child.ts');

/** The source of the objects that an address stands for. */
export function s3Source(url: string, settings: Partial<S3Settings>): Source {
  return createObjectSource({
    store: createS3Store({ settings: { ...settings, rangeBytes: 100_000, aheadBytes: 300_000 } }),
    patterns: [url],
    readers: csvReaders(defaultCsvSettings),
    compression: 'auto',
  });
}

/** An object of the given rows. */
export async function difficultObject(rows: Rows): Promise<DifficultIntake> {
  const place = await s3Bucket();
  await putText(place, 'in/difficult.csv', csvText(['id', 'value'], rows), 'none');
  return {
    source: () => s3Source(`s3://${place.bucket}/in/difficult.csv`, s3Settings(place)),
    close: async () => place.client.destroy(),
  };
}

/** An object of 8 MB, of which 300 KB may be read ahead, in ranges of 100 KB, and what stands in the sockets. */
export async function wideObject(): Promise<WideIntake> {
  const place = await s3Bucket();
  const rows = 1_000;
  const text = csvText(
    ['id', 'text'],
    Array.from({ length: rows }, (_, id) => [String(id), 'x'.repeat(8_000)]),
  );
  await putText(place, 'in/wide.csv', text, 'none');
  const proxy = await S3FaultProxy.start(place.endpointUrl);
  return {
    source: () =>
      s3Source(`s3://${place.bucket}/in/wide.csv`, { ...s3Settings(place), endpointUrl: proxy.endpointUrl }),
    rows,
    bytes: text.length,
    taken: () => proxy.replyBytes,
    ahead: 1_000_000,
    close: async () => {
      await proxy[Symbol.asyncDispose]();
      place.client.destroy();
    },
  };
}

/** Three objects under a prefix, one of them with a header only, given as a pattern. */
export async function s3Intake({
  compression,
  padding,
}: ObjectForm): Promise<KillableSourceDriver & SecretSourceDriver> {
  const place = await s3Bucket();
  const parts = [rows(0, 25, padding), [], rows(25, 31, padding)];
  const ending = compression === 'gzip' ? '.csv.gz' : '.csv';
  const key = (index: number): string => `in/part-${index}${ending}`;
  const pattern = `s3://${place.bucket}/in/part-*`;
  const put = (index: number, part: Rows): Promise<void> => putText(place, key(index), textOf(part), compression);
  for (const [index, part] of parts.entries()) await put(index, part);
  return {
    records: parts.flat(),
    source: () => s3Source(pattern, s3Settings(place)),
    reader: { module: READER, args: [pattern, JSON.stringify(s3Settings(place))] },
    secrets: [place.secretAccessKey],
    change: () => put(2, rows(25, 30, padding)),
    close: async () => place.client.destroy(),
  };
}

type Rows = readonly (readonly (string | null)[])[];

const TEXTS = ['plain', 'with "quotes"', 'a, b; c', 'two\nlines', 'naïve café', ' spaced ', '', null] as const;

function rows(from: number, to: number, padding: number): (string | null)[][] {
  return Array.from({ length: to - from }, (_, i) => [
    String(from + i),
    TEXTS[(from + i) % TEXTS.length] ?? null,
    'x'.repeat(padding) + String((from + i) / 4),
  ]);
}

function textOf(part: Rows): string {
  return csvText(['id', 'text', 'x'], part);
}

function csvText(names: readonly string[], part: Rows): string {
  const field = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
  return [names, ...part].map((record) => `${record.map(field).join(',')}\n`).join('');
}

async function putText(
  { client, bucket }: S3Bucket,
  key: string,
  text: string,
  compression: ObjectForm['compression'],
): Promise<void> {
  const Body = compression === 'gzip' ? gzipSync(text) : Buffer.from(text);
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body }));
}
