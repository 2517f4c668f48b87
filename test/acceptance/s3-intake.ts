import { gzipSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { createS3Store } from '../../connectors/s3/s3-store.ts';
import { defaultCsvSettings } from '../../src/codecs/csv/csv-settings.ts';
import { createReaders, csvReaders } from '../../src/codecs/formats.ts';
import { createObjectSource } from '../../src/codecs/objects/object-source.ts';
import type { SourceDriver } from '../../src/testing.ts';
import { s3Settings } from '../support/s3-settings.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';
import { otherFormats } from './format-files.ts';

/** How the objects of an intake are made. */
export interface ObjectForm {
  readonly format?: 'csv' | 'parquet';
  readonly compression: 'none' | 'gzip';
  /** Bytes of filler in each row: with some a hundred KB objects are read by ranges, and not whole. */
  readonly padding: number;
}

/** Three objects under a prefix, one of them with a header only, given as a pattern. */
export async function s3Intake({ format = 'csv', compression, padding }: ObjectForm): Promise<SourceDriver> {
  const place = await s3Bucket();
  const parts = [rows(0, 25, padding), [], rows(25, 31, padding)];
  const ending = compression === 'gzip' ? '.csv.gz' : `.${format}`;
  const key = (index: number): string => `in/part-${index}${ending}`;
  const put = async (index: number, part: Rows): Promise<void> =>
    format === 'parquet'
      ? putBytes(place, key(index), await otherFormats.parquet.write(COLUMNS, part))
      : putText(place, key(index), textOf(part), compression);
  for (const [index, part] of parts.entries()) await put(index, part);
  return {
    records: parts.flat(),
    source: () =>
      createObjectSource({
        store: createS3Store({ settings: { ...s3Settings(place), rangeBytes: 100_000, aheadBytes: 300_000 } }),
        patterns: [`s3://${place.bucket}/in/part-*`],
        readers: format === 'parquet' ? createReaders({}) : csvReaders(defaultCsvSettings),
        compression: 'auto',
      }),
    change: () => put(2, rows(25, 30, padding)),
    close: async () => place.client.destroy(),
  };
}

const COLUMNS = ['id', 'text', 'x'] as const;

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
  const field = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
  return [COLUMNS, ...part].map((record) => `${record.map(field).join(',')}\n`).join('');
}

async function putText(
  place: S3Bucket,
  key: string,
  text: string,
  compression: ObjectForm['compression'],
): Promise<void> {
  await putBytes(place, key, compression === 'gzip' ? gzipSync(text) : Buffer.from(text));
}

async function putBytes({ client, bucket }: S3Bucket, key: string, Body: Buffer): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body }));
}
