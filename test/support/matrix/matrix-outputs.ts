import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { createFileStore } from '../../../connectors/file/file-store.ts';
import { createS3Store } from '../../../connectors/s3/s3-store.ts';
import { verifyOutput } from '../../../src/codecs/objects/verify-output.ts';
import type { Envelope } from '../../../src/core/envelope.ts';
import type { Manifest } from '../../../src/index.ts';
import type { KafkaClient, OffsetRange } from '../../../src/links/kafka/client.ts';
import { createKafkajsClient } from '../../../src/links/kafka/clients/kafkajs/client.ts';
import { rangeMessages } from '../../../src/links/kafka/live/topic-range-messages.ts';
import { otherFormats } from '../../acceptance/format-files.ts';
import { plainConnection } from '../../integration/kafka-clients/client-harness.ts';
import { LiveTopics } from '../live-topic.ts';
import { s3Settings } from '../s3-settings.ts';
import { kafkaService } from '../services/kafka.ts';
import { type S3Bucket, s3Bucket } from '../services/s3.ts';
import { newH2, newMariaDb, newPostgres, newSqlite } from '../sql-databases.ts';
import { until } from '../until.ts';
import { deadIn, idIn, type Scored, scoredIn, scoredOf } from './found-rows.ts';
import type { FoundOutput, MatrixOutput, MatrixPlace, PlacedOutput } from './matrix-parts.ts';
import { s3Place } from './s3-place.ts';
import { sqlOutput } from './sql-ends.ts';
import { webOutput } from './web-ends.ts';

const never = new AbortController().signal;

/** Every output, a line each. */
export const matrixOutputs: readonly MatrixOutput[] = [
  { name: 'a CSV file', needs: [], continues: true, place: (at, name) => file(at, `${name}.csv`) },
  {
    name: 'a zstd file',
    needs: [],
    continues: true,
    commitsLate: true,
    place: (at, name) => file(at, `${name}.csv.zst`),
  },
  { name: 'a JSON Lines file', needs: [], continues: true, place: (at, name) => file(at, `${name}.jsonl`) },
  {
    name: 'an Avro file',
    needs: [],
    continues: true,
    commitsLate: true,
    place: (at, name) => file(at, `${name}.avro`),
  },
  {
    name: 'a Parquet file',
    needs: [],
    continues: true,
    commitsLate: true,
    place: (at, name) => file(at, `${name}.parquet`),
  },
  { name: 'standard output', needs: [], continues: false, place: standardOutput },
  { name: 'an object in S3', needs: ['s3'], continues: true, place: s3Object },
  { name: 'a topic', needs: ['kafka'], continues: true, place: topic },
  { name: 'a table of PostgreSQL', needs: ['postgres'], continues: true, place: () => sqlOutput(newPostgres) },
  { name: 'a table of MariaDB', needs: ['mariadb'], continues: true, place: () => sqlOutput(newMariaDb) },
  { name: 'a table of SQLite', needs: [], continues: true, place: () => sqlOutput(newSqlite) },
  { name: 'a table of H2 by JDBC', needs: ['jdbc'], continues: true, place: () => sqlOutput(newH2) },
  { name: 'an address', needs: [], continues: true, place: webOutput },
];

async function file({ folder }: MatrixPlace, name: string): Promise<PlacedOutput> {
  const path = join(folder, name);
  return { settings: { type: 'localFile', path }, read: () => readFiles(path) };
}

async function readFiles(path: string): Promise<FoundOutput> {
  const stored = await readFile(path);
  const { problems } = await verifyOutput(createFileStore(), path, never);
  const format = /\.(avro|parquet)$/.exec(path)?.[1] as 'avro' | 'parquet' | undefined;
  const rows =
    format === undefined
      ? scoredIn((path.endsWith('.zst') ? zstdDecompressSync(stored) : stored).toString())
      : (await otherFormats[format].read(stored)).rows.map(scoredOf);
  return { parts: [rows], deadIds: deadIn(await readFile(`${path}.dead.jsonl`, 'utf8')), problems };
}

async function standardOutput(): Promise<PlacedOutput> {
  return {
    settings: { type: 'localFile', path: '-' },
    read: async (_manifest, stdout) => ({ parts: [scoredIn(stdout)], deadIds: null, problems: [] }),
  };
}

async function s3Object(_at: MatrixPlace, name: string): Promise<PlacedOutput> {
  const bucket = await s3Bucket();
  const url = `s3://${bucket.bucket}/${name}.csv`;
  return {
    settings: { ...s3Place(bucket), url },
    read: async () => {
      await using store = createS3Store({ settings: s3Settings(bucket) });
      const { problems } = await verifyOutput(store, url, never);
      const [text, dead] = [await textOf(bucket, `${name}.csv`), await textOf(bucket, `${name}.csv.dead.jsonl`)];
      bucket.client.destroy();
      return { parts: [scoredIn(text)], deadIds: deadIn(dead), problems };
    },
  };
}

async function textOf({ client, bucket }: S3Bucket, key: string): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return await Body!.transformToString();
}

async function topic(_at: MatrixPlace, name: string): Promise<PlacedOutput> {
  const { brokers } = await kafkaService();
  const [rows, letters] = [`${name}.scored`, `${name}.dead`];
  {
    await using topics = await LiveTopics.open(brokers);
    await topics.create(rows, 3);
    await topics.create(letters, 1);
  }
  const former = new Map<string, readonly OffsetRange[]>();
  const messagesOf = async (client: KafkaClient, name: string): Promise<readonly Envelope[]> => {
    const found: Envelope[] = [];
    for (const [partition, { start, end }] of (await client.topics.ranges(name)).entries()) {
      const from = former.get(name)?.[partition]?.end ?? start;
      const range = { topic: name, partition, from, until: end };
      for await (const some of rangeMessages(client, range, 1 << 24, never)) found.push(...some);
    }
    return found;
  };
  return {
    settings: { type: 'kafka', topic: rows, deadLetterTopic: letters },
    beginsAnew: async () => {
      await using client = createKafkajsClient(plainConnection(brokers));
      for (const name of [rows, letters]) former.set(name, await client.topics.ranges(name));
    },
    read: async (manifest: Manifest) => {
      await using client = createKafkajsClient(plainConnection(brokers));
      const counts = Object.fromEntries(manifest.objects.map(({ role, records }) => [role, records]));
      let found: readonly Envelope[] = [];
      let dead: readonly Envelope[] = [];
      // What was committed is seen by readers of committed records a moment later.
      await until(
        async () => {
          [found, dead] = [await messagesOf(client, rows), await messagesOf(client, letters)];
          return found.length >= counts['rows']! && dead.length >= counts['deadLetters']!;
        },
        () => `${found.length} rows and ${dead.length} dead letters are there`,
      );
      const parts = [0, 1, 2].map((partition) =>
        found
          .filter((message) => message.partition === partition)
          .toSorted((a, b) => a.offset - b.offset)
          .map(({ value }) => scoredOf(JSON.parse(String(value)) as Scored)),
      );
      const problems = [
        ...(counts['rows'] === found.length ? [] : [`${found.length} messages, ${counts['rows']} in the manifest`]),
        ...(counts['deadLetters'] === dead.length
          ? []
          : [`${dead.length} dead letters, ${counts['deadLetters']} in it`]),
      ];
      return { parts, deadIds: dead.map(({ value }) => idIn(String(value))), problems };
    },
  };
}
