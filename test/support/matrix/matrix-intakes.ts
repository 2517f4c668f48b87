import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { otherFormats } from '../../acceptance/format-files.ts';
import { LiveTopics } from '../live-topic.ts';
import { kafkaService } from '../services/kafka.ts';
import { s3Bucket } from '../services/s3.ts';
import { newH2, newMariaDb, newPostgres, newSqlite } from '../sql-databases.ts';
import { datasetIntake } from './dataset-end.ts';
import { csvOf } from './flight-rows.ts';
import type { MatrixIntake, MatrixPlace, PlacedIntake } from './matrix-parts.ts';
import { s3Place } from './s3-place.ts';
import { sqlIntake } from './sql-ends.ts';
import { webIntake } from './web-ends.ts';

/** Every intake, a line each. */
export const matrixIntakes: readonly MatrixIntake[] = [
  { name: 'a CSV file', needs: [], continues: true, place: csvFile },
  { name: 'gzip files', needs: [], continues: true, place: gzipFiles },
  { name: 'a JSON Lines file', needs: [], continues: true, place: jsonLines },
  { name: 'an Avro file', needs: [], continues: true, place: avroFile },
  { name: 'a Parquet file', needs: [], continues: true, place: parquetFile },
  { name: 'standard input', needs: [], continues: false, place: standardInput },
  { name: 'objects in S3', needs: ['s3'], continues: true, place: s3Objects },
  { name: 'a topic', needs: ['kafka'], continues: true, place: topic },
  { name: 'a table of PostgreSQL', needs: ['postgres'], continues: true, place: (at) => sqlIntake(newPostgres, at) },
  { name: 'a table of MariaDB', needs: ['mariadb'], continues: true, place: (at) => sqlIntake(newMariaDb, at) },
  { name: 'a table of SQLite', needs: [], continues: true, place: (at) => sqlIntake(newSqlite, at) },
  { name: 'a table of H2 by JDBC', needs: ['jdbc'], continues: true, place: (at) => sqlIntake(newH2, at) },
  { name: 'an address', needs: [], continues: true, place: webIntake },
  { name: 'a dataset', needs: [], continues: true, place: datasetIntake },
];

async function csvFile({ folder, rows }: MatrixPlace): Promise<PlacedIntake> {
  const file = join(folder, 'rows.csv');
  await writeFile(file, csvOf(rows));
  return { settings: { type: 'localFile', file }, order: idsOf(rows) };
}

async function gzipFiles({ folder, rows }: MatrixPlace): Promise<PlacedIntake> {
  const files = ['rows-1.csv.gz', 'rows-2.csv.gz'].map((name) => join(folder, name));
  const middle = Math.floor(rows.length / 3);
  await writeFile(files[0]!, gzipSync(csvOf(rows.slice(0, middle))));
  await writeFile(files[1]!, gzipSync(csvOf(rows.slice(middle))));
  return { settings: { type: 'localFile', files }, order: idsOf(rows) };
}

async function jsonLines({ folder, rows }: MatrixPlace): Promise<PlacedIntake> {
  const file = join(folder, 'rows.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return { settings: { type: 'localFile', file }, order: idsOf(rows) };
}

async function avroFile({ folder, rows }: MatrixPlace): Promise<PlacedIntake> {
  const file = join(folder, 'rows.avro');
  await writeFile(file, await otherFormats.avro.write(Object.keys(rows[0]!), rows.map(Object.values)));
  return { settings: { type: 'localFile', file }, order: idsOf(rows) };
}

async function parquetFile({ folder, rows }: MatrixPlace): Promise<PlacedIntake> {
  const file = join(folder, 'rows.parquet');
  const names = Object.keys(rows[0]!) as (keyof (typeof rows)[number])[];
  const columnData = names.map((name) =>
    name === 'distance'
      ? { name, type: 'INT32' as const, data: rows.map((row) => Number(row[name])) }
      : { name, type: 'STRING' as const, data: rows.map((row) => row[name]) },
  );
  await writeFile(file, new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 1_500 })));
  return { settings: { type: 'localFile', file }, order: idsOf(rows) };
}

async function standardInput({ rows }: MatrixPlace): Promise<PlacedIntake> {
  return { settings: { type: 'localFile', file: '-' }, stdin: csvOf(rows), order: idsOf(rows) };
}

async function s3Objects({ rows }: MatrixPlace): Promise<PlacedIntake> {
  const bucket = await s3Bucket();
  const middle = Math.floor(rows.length / 2);
  for (const [index, part] of [rows.slice(0, middle), rows.slice(middle)].entries())
    await bucket.client.send(
      new PutObjectCommand({ Bucket: bucket.bucket, Key: `in/rows-${index}.csv`, Body: csvOf(part) }),
    );
  bucket.client.destroy();
  return { settings: { ...s3Place(bucket), url: `s3://${bucket.bucket}/in/` }, order: idsOf(rows) };
}

async function topic({ rows }: MatrixPlace): Promise<PlacedIntake> {
  const { brokers } = await kafkaService();
  await using topics = await LiveTopics.open(brokers);
  const name = `matrix-${randomUUID()}`;
  await topics.create(name, 3);
  const partitions = [0, 1, 2].map((partition) => rows.filter((_, i) => i % 3 === partition));
  for (const [partition, part] of partitions.entries())
    for (let from = 0; from < part.length; from += 1_000)
      await topics.send(
        name,
        part.slice(from, from + 1_000).map((row) => ({ partition, value: Buffer.from(JSON.stringify(row)) })),
      );
  return { settings: { type: 'kafka', topic: name, until: 'end' }, order: idsOf(partitions.flat()) };
}

function idsOf(rows: MatrixPlace['rows']): readonly string[] {
  return rows.map((row) => row.flight_id);
}
