import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { JobInput } from '../../src/index.ts';
import { seeded } from './killed-runs.ts';
import { type LiveProcess, startLive } from './live-job-process.ts';
import { type LiveRow, LiveTopics } from './live-topic.ts';
import { PredictionServer } from './prediction-server.ts';
import type { KafkaService } from './services/kafka.ts';
import { type PostgresDatabase, postgresDatabase } from './services/postgres.ts';
import { type S3Bucket, s3Bucket } from './services/s3.ts';
import { until } from './until.ts';

export interface LiveKillCase {
  readonly output: 'topic' | 'files' | 'objects' | 'table';
  readonly partitions: number;
  readonly workers: number;
  readonly inFlight: number;
  /** The broker is killed once, too. */
  readonly broker: boolean;
}

/** What a run with kills has left: the names of its topics, or its folder. */
export interface LiveKillOutcome {
  readonly input: string;
  readonly output: string;
  readonly folder: string;
  /** Kills of a process while rows were being scored. */
  readonly midway: number;
}

/** Small parts, of which a run has many. */
const ROLL = { rows: 90, seconds: 0.7 };

/** The row of a number: one in forty is no JSON, one in fifty the server cannot score. */
function liveRow(id: number, partitions: number): LiveRow {
  const value = id % 40 === 3 ? `no json ${id} \u00e4` : JSON.stringify({ id, text: `line "${id}", \n more` });
  return {
    partition: id % partitions,
    value: Buffer.from(value),
    key: id % 5 === 0 ? null : `key ${id % 7}`,
    headers: { number: String(id), 'sluice-kind': 'of an earlier life' },
    timestamp: 1_700_000_000_000 + id,
  };
}

/** Whether the row of a number becomes a dead letter. */
export function isPoison(id: number): boolean {
  return id % 40 === 3 || id % 50 === 17;
}

/** Live jobs under load on a broker, killed with kill -9 again and again. */
export class LiveKills implements AsyncDisposable {
  /** Messages of one run. */
  static readonly rows = 1_200;
  readonly kafka: KafkaService;
  readonly topics: LiveTopics;
  /** Of outputs that are tables; null without them. */
  readonly database: PostgresDatabase | null;
  readonly #server: PredictionServer;
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-live-'));

  private constructor(
    kafka: KafkaService,
    topics: LiveTopics,
    server: PredictionServer,
    database: PostgresDatabase | null,
  ) {
    this.database = database;
    this.kafka = kafka;
    this.topics = topics;
    this.#server = server;
  }

  /** @param kafka a broker that may be killed. */
  static async start(output: LiveKillCase['output'], kafka: KafkaService): Promise<LiveKills> {
    const database = output === 'table' ? await postgresDatabase() : null;
    const server = await PredictionServer.start({
      reject: ([id]) => (Number(id) % 50 === 17 ? `row ${id} is bad` : null),
      respond: ({ number }) => ({ after: new Promise((resolve) => setTimeout(resolve, 2 + ((number * 7) % 23))) }),
    });
    return new LiveKills(kafka, await LiveTopics.open(kafka.brokers), server, database);
  }

  async run(tested: LiveKillCase, seed: number): Promise<LiveKillOutcome> {
    const random = seeded(seed);
    const input = `in-${seed}`;
    const output = `out-${seed}`;
    const group = `group-${seed}`;
    const folder = join(this.#folder, String(seed));
    const bucket = tested.output === 'objects' ? await s3Bucket() : null;
    await this.topics.create(input, tested.partitions);
    if (tested.output === 'topic') await this.topics.create(output, tested.partitions);
    const job: JobInput = {
      deployment: { id: 'live', server: this.#server.url },
      kafka: { brokers: [...this.kafka.brokers], sessionSeconds: 2, retrySeconds: 90 },
      intakeSettings: { type: 'kafka', topic: input, group },
      outputSettings:
        tested.output === 'topic'
          ? { type: 'kafka', topic: output }
          : tested.output === 'files'
            ? { type: 'localFile', path: folder, roll: ROLL }
            : tested.output === 'table'
              ? tableCalled(this.database!, `out_${seed}`)
              : { ...objectsUnder(bucket!, `${seed}/`), roll: ROLL },
      passthroughColumns: ['id', 'text'],
      inFlightPerPartition: tested.inFlight,
      chunkRows: 12,
      lingerMs: 5,
    };
    const workers = Array.from({ length: tested.workers }, () => startLive(job));
    const all = [...workers];
    const load = this.#load(input, tested.partitions, random);
    let midway = 0;
    try {
      const kills = 1 + Math.floor(3 * random());
      for (let kill = 0; kill < kills; kill += 1) {
        await this.#working(2 + Math.floor(6 * random()), all);
        await pause(120 * random());
        const at = Math.floor(workers.length * random());
        if (this.#server.inFlight > 0 || (await this.topics.lag(group, input)) > 0) midway += 1;
        workers[at]!.signal('SIGKILL');
        await workers[at]!.ended;
        workers[at] = startLive(job);
        all.push(workers[at]);
        if (tested.broker && kill === 0) {
          await this.kafka.kill();
          await pause(500 * random());
          await this.kafka.start();
        }
      }
      await load;
      await until(
        async () => {
          assertNoneFailed(all);
          return (await this.topics.lag(group, input)) === 0;
        },
        () => `group ${group} is not done; ${all.map((each) => each.said()).join(' | ')}`,
        90_000,
      );
      await Promise.all(workers.map(({ heeds }) => heeds));
      for (const worker of workers) worker.signal('SIGTERM');
      await until(
        () => workers.every((worker) => !worker.isRunning),
        () => `a worker does not drain; ${workers.map((each) => `${each.isRunning}: ${each.said()}`).join(' | ')}`,
      );
      for (const worker of workers) {
        const code = await worker.ended;
        if (code !== 130) throw new Error(`a worker ended with ${code}: ${worker.said()}`);
      }
    } finally {
      for (const worker of all) if (worker.isRunning) worker.signal('SIGKILL');
      await load.catch(() => undefined);
    }
    if (bucket !== null) await bring(bucket, `${seed}/`, folder);
    return { input, output, folder, midway };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database?.[Symbol.asyncDispose]();
    await this.topics[Symbol.asyncDispose]();
    await this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Rows that come in small bunches, for three to four seconds. */
  async #load(input: string, partitions: number, random: () => number): Promise<void> {
    const bunch = 80;
    for (let id = 0; id < LiveKills.rows; id += bunch) {
      await this.topics.send(
        input,
        Array.from({ length: bunch }, (_, at) => liveRow(id + at, partitions)),
      );
      await pause(100 + 250 * random());
    }
  }

  /** Waits until the server was asked some more times: something is under way, or just done. */
  async #working(requests: number, workers: readonly LiveProcess[]): Promise<void> {
    const before = this.#server.requests.length;
    const patience = performance.now() + 15_000;
    await until(
      () => {
        assertNoneFailed(workers);
        return this.#server.requests.length >= before + requests || performance.now() > patience;
      },
      () => '',
    );
    // What was asked is not looked at, and is much.
    this.#server.requests.length = 0;
  }
}

function objectsUnder({ endpointUrl, bucket, accessKeyId, secretAccessKey }: S3Bucket, prefix: string) {
  const credentials = { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey };
  return { type: 's3' as const, url: `s3://${bucket}/${prefix}`, endpointUrl, credentials };
}

/** Copies all objects under a prefix to a folder. Throws when an upload was left under way, which no listing of objects shows. */
async function bring({ client, bucket: Bucket }: S3Bucket, prefix: string, folder: string): Promise<void> {
  const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  if (Uploads !== undefined && Uploads.length > 0) throw new Error(`an upload to ${Uploads[0]!.Key} was left`);
  mkdirSync(folder, { recursive: true });
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix: prefix, ContinuationToken }));
    for (const { Key = '' } of page.Contents ?? []) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      // A piece that was left has a folder in its name.
      const name = Key.slice(prefix.length).replaceAll('/', '-');
      writeFileSync(join(folder, name), await Body!.transformToByteArray());
    }
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  client.destroy();
}

function assertNoneFailed(workers: readonly LiveProcess[]): void {
  const failed = workers.find((worker) => worker.isOver);
  if (failed !== undefined) throw new Error(`a worker ended by itself: ${failed.said()}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function tableCalled({ jdbcUrl, user, password }: PostgresDatabase, table: string): JobInput['outputSettings'] {
  const access = { jdbcUrl, credentials: { user, password } };
  return { type: 'jdbc', ...access, statementType: 'insert', createTableIfNotExists: true, table, roll: ROLL };
}
