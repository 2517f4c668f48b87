import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { ApiClient } from '../support/api-client.ts';
import { type Command, startSluice } from '../support/command-line.ts';
import { LiveTopics } from '../support/live-topic.ts';
import { startServe } from '../support/serve-process.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { postgresDatabase } from '../support/services/postgres.ts';
import { s3Bucket } from '../support/services/s3.ts';
import { until } from '../support/until.ts';

const root = join(import.meta.dirname, '../..');
const TOPICS = ['flights', 'flights.scored', 'flights.rejected', 'flights.from-file'];
const PARTITIONS = 3;

/** The flights of the examples, and a message that is none. */
const [header, ...flights] = readFileSync(join(root, 'config/examples/flights.csv'), 'utf8').trimEnd().split('\n');
const names = header!.split(',');
const messages = flights.map((line) =>
  JSON.stringify(Object.fromEntries(line.split(',').map((x, i) => [names[i], x]))),
);
const ids = flights.map((line) => line.split(',')[0]!).toSorted();

needs('kafka')('the examples whose ends are topics run as they stand', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-examples-'));
  let brokers: readonly string[];
  let topics: LiveTopics;
  let models: ModelServer;

  beforeAll(async () => {
    cpSync(join(root, 'config'), join(folder, 'config'), { recursive: true });
    mkdirSync(join(folder, 'work'));
    models = await startModelServer({ models: join(root, 'models'), port: 0 });
    brokers = (await kafkaService()).brokers;
    topics = await LiveTopics.open(brokers);
    for (const topic of TOPICS) await topics.create(topic, PARTITIONS);
    await topics.send(
      'flights',
      [...messages, 'no flight'].map((text, i) => ({ partition: i % PARTITIONS, value: Buffer.from(text) })),
    );
  });
  afterAll(async () => {
    await topics.admin.deleteTopics({ topics: TOPICS });
    await topics[Symbol.asyncDispose]();
    await models.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (name: string, env: Readonly<Record<string, string>> = {}): Command =>
    startSluice(['run', `config/examples/${name}.yaml`, '--progress', 'json'], {
      cwd: folder,
      env: { PREDICTION_SERVER: models.url, PREDICTION_TOKEN: '', KAFKA_BROKERS: brokers.join(','), ...env },
    });
  /** Runs a live job until it has read all messages, and stops it. */
  const stopped = async (name: string, env: Readonly<Record<string, string>> = {}): Promise<void> => {
    const { process: child, ended } = start(name, env);
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until(
      () => said.includes(`"rows":${messages.length + 1},`) || child.exitCode !== null,
      () => said,
    );
    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    expect(stderr).toMatch(/JOB_INTERRUPTED: stopped after 201 messages/);
    expect(code).toBe(130);
  };
  const idsIn = async (topic: string): Promise<readonly string[]> =>
    (await topics.read(topic)).map(({ value }) => {
      const row = JSON.parse(value!.toString()) as { readonly flight_id: string; readonly delay_PREDICTION: number };
      expect(row.delay_PREDICTION).toEqual(expect.any(Number));
      return row.flight_id;
    });

  test('topic-to-topic', async () => {
    await stopped('topic-to-topic');
    expect((await idsIn('flights.scored')).toSorted()).toEqual(ids);
    const letters = await topics.read('flights.rejected');
    expect(letters.map(({ value }) => value!.toString())).toEqual(['no flight']);
  });

  test('topic-to-files', async () => {
    const parts = join(folder, 'work/flights-parts');
    await stopped('topic-to-files');
    const names = (ending: string): readonly string[] => readdirSync(parts).filter((name) => name.endsWith(ending));
    const found: string[] = [];
    for (const name of names('.csv.gz')) {
      expect((await verifyNamedOutput(join(parts, name))).problems).toEqual([]);
      const [, ...rows] = gunzipSync(readFileSync(join(parts, name)))
        .toString()
        .trimEnd()
        .split('\n');
      found.push(...rows.map((row) => row.split(',')[1]!));
    }
    expect(found.toSorted()).toEqual(ids);
    expect(names('.dead.jsonl')).toHaveLength(1);
  });

  test('topic-to-table', async () => {
    await stopped('topic-to-table');
    using database = new DatabaseSync(join(folder, 'work/flights-live.db'), { readOnly: true });
    const found = database
      .prepare('SELECT flight_id, "delay_PREDICTION" AS delay FROM flights ORDER BY flight_id')
      .all();
    expect(found.map((row) => String(row['flight_id'])).toSorted()).toEqual(ids);
    for (const row of found) expect(row['delay']).toEqual(expect.any(Number));
    expect(database.prepare('SELECT count(*) AS letters FROM sluice_dead_letters').get()).toEqual({ letters: 1 });
  });

  needs('s3')('and in S3', () => {
    test('topic-to-s3', async () => {
      const { client, bucket, endpointUrl, accessKeyId, secretAccessKey } = await s3Bucket();
      const who = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
      await stopped('topic-to-s3', { ...who, S3_BUCKET: bucket, S3_ENDPOINT: endpointUrl });
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      const keys = (Contents ?? []).map(({ Key = '' }) => Key);
      const found: string[] = [];
      for (const key of keys.filter((key) => key.endsWith('.csv.gz'))) {
        expect(key).toMatch(/^parts\/flights-\d-\d{20}\.csv\.gz$/);
        expect(keys).toContain(`${key}.manifest.json`);
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        const [, ...rows] = gunzipSync(await Body!.transformToByteArray())
          .toString()
          .trimEnd()
          .split('\n');
        found.push(...rows.map((row) => row.split(',')[1]!));
      }
      expect(found.toSorted()).toEqual(ids);
      expect(keys.filter((key) => key.endsWith('.dead.jsonl'))).toHaveLength(1);
      expect(keys.filter((key) => key.includes('.ledger.json') || key.includes('.partial/'))).toEqual([]);
      client.destroy();
    });
  });

  test('file-to-topic', async () => {
    expect((await start('file-to-topic').ended).code).toBe(0);
    const written = await topics.read('flights.from-file');
    expect(written.map(({ key }) => String(key)).toSorted()).toEqual(ids);
    expect((await idsIn('flights.from-file')).toSorted()).toEqual(ids);
  });

  needs('postgres')('and a server', () => {
    test('server-kafka', async () => {
      await using database = await postgresDatabase();
      const { host, port, user, password } = database;
      const env = {
        PREDICTION_SERVER: models.url,
        PREDICTION_TOKEN: '',
        KAFKA_BROKERS: brokers.join(','),
        SERVE_TOKEN: 'token-of-the-example',
        DATABASE_URL: `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database.database}`,
      };
      const file = join(folder, 'config/examples/server-kafka.yaml');
      await using serve = await startServe(file, join(folder, 'state'), ['--port', '0'], env);
      const api = new ApiClient(serve.base.replace('/api/v2', ''), env.SERVE_TOKEN);
      const { id } = await api.create({ deploymentId: 'flights' });
      expect((await api.upload(id, readFileSync(join(folder, 'config/examples/flights.csv')))).status).toBe(202);
      expect(await api.ended(id)).toMatchObject({ status: 'COMPLETED', scoredRows: flights.length });
      const [, ...rows] = (await api.result(id)).trimEnd().split('\n');
      expect(rows.map((row) => row.split(',').at(-1)!)).toEqual(flights.map((line) => line.split(',')[0]!));
    });
  });

  test('topic-replay', async () => {
    const { code, stderr } = await start('topic-replay').ended;
    expect(stderr).toMatch(/200 rows scored/);
    expect(code).toBe(0);
    const output = join(folder, 'work/flights-replayed.csv');
    expect((await verifyNamedOutput(output)).problems).toEqual([]);
    const [, ...rows] = readFileSync(output, 'utf8').trimEnd().split('\n');
    expect(rows.map((row) => row.split(',')[1]!).toSorted()).toEqual(ids);
  });
});
