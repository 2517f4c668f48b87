import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { type ClusterSettings, openCluster } from '../../src/jobs/kafka/cluster.ts';
import type { KafkaClient } from '../../src/links/kafka/client.ts';
import { jobTopics } from '../../src/links/kafka/job/job-topics.ts';
import { type ApiServer, startApi, writeConfiguration } from './api-server.ts';
import { WorkerProcess } from './kafka-grid-worker.ts';
import { type Behaviour, PredictionServer, type ReceivedRequest } from './prediction-server.ts';
import { type ServeProcess, startServe } from './serve-process.ts';
import { kafkaService } from './services/kafka.ts';

const SERVER_TOKEN = 'token-of-the-server';

/** A job over partitions, whose output has all of its rows. */
export const servedJob = {
  deploymentId: 'd',
  passthroughColumns: ['id', 'text'],
  numConcurrent: 4,
  limiter: 'fixed',
} as const;

/** Rows of its upload; those from 0 on have the header before them. */
export function servedRows(from: number, to: number): string {
  const rows = Array.from({ length: to - from }, (_, i) => `${from + i},"row, ${from + i}"\n`).join('');
  return from === 0 ? `id,text\n${rows}` : rows;
}

/** A prediction server, a broker, and servers and workers that score with them; each is known to the prediction server by its token. */
export class KafkaServe implements AsyncDisposable {
  readonly state = mkdtempSync(join(tmpdir(), 'sluice-kafka-serve-'));
  readonly predictions: PredictionServer;
  readonly cluster: ClusterSettings;
  readonly #open: AsyncDisposable[] = [];

  private constructor(predictions: PredictionServer, cluster: ClusterSettings) {
    this.predictions = predictions;
    this.cluster = cluster;
  }

  static async start(): Promise<KafkaServe> {
    const { brokers } = await kafkaService();
    const { kafka } = resolveJob({
      deployment: { id: 'd', server: 'http://127.0.0.1' },
      intakeSettings: { file: 'in.csv' },
      outputSettings: { path: 'out.csv' },
      engine: 'kafka',
      kafka: { brokers: [...brokers], sessionSeconds: 2, retrySeconds: 60 },
    });
    return new KafkaServe(await PredictionServer.start(), kafka!);
  }

  /** How the prediction server answers from now on. */
  respond(respond: (request: ReceivedRequest) => Behaviour | undefined): void {
    this.predictions.options = { ...this.predictions.options, respond };
  }

  /** The tokens of those who have scored rows. */
  get scorers(): ReadonlySet<string> {
    return new Set(this.predictions.requests.map(({ headers }) => headers.authorization?.replace('Bearer ', '') ?? ''));
  }

  /** A server in this process. */
  async api(server: object = {}): Promise<ApiServer> {
    const { state } = this;
    const configuration = this.#configuration(SERVER_TOKEN);
    const api = await startApi({ state, deployments: {}, server, configuration, env: { SLUICE_KEY: '8f'.repeat(32) } });
    this.#open.push(api);
    return api;
  }

  /** A server of its own, to be killed. */
  async serve(server: object = {}): Promise<ServeProcess> {
    const configuration = this.#configuration(SERVER_TOKEN);
    const file = writeConfiguration(this.state, { deployments: {}, server, configuration });
    const serve = await startServe(file, this.state);
    this.#open.push(serve);
    return serve;
  }

  async worker(token: string): Promise<WorkerProcess> {
    const { kafka, deployments } = this.#configuration(token);
    const worker = await WorkerProcess.start(join(this.state, `${token}.json`), kafka, { deployments });
    this.#open.push({ [Symbol.asyncDispose]: () => worker.kill() });
    return worker;
  }

  /** What the same job gives in one process. */
  async direct(body: object, csv: string): Promise<string> {
    await using server = await PredictionServer.start();
    await using api = await startApi({ deployments: { d: server.url } });
    const { id } = await api.create(body);
    await api.upload(id, csv);
    await api.ended(id);
    return await api.result(id);
  }

  /** Does something with a client of the cluster. */
  async ask<T>(question: (client: KafkaClient) => Promise<T>): Promise<T> {
    await using client = await openCluster(this.cluster, systemClock);
    return await question(client);
  }

  /** What of a job is on the cluster. */
  async remains(id: string): Promise<readonly string[]> {
    const { rows, scored, group } = jobTopics(id);
    return await this.ask(async ({ topics }) => {
      const there = (await topics.list()).filter((name) => name === rows || name === scored);
      return (await topics.members(group)) > 0 ? [...there, group] : there;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of this.#open.toReversed()) await part[Symbol.asyncDispose]();
    await this.predictions.close();
    rmSync(this.state, { recursive: true, force: true });
  }

  #configuration(token: string): { readonly kafka: object; readonly deployments: object } {
    const { brokers, sessionSeconds, retrySeconds } = this.cluster;
    return {
      kafka: { brokers, sessionSeconds, retrySeconds },
      deployments: { d: { server: this.predictions.url, token } },
    };
  }
}
