import { randomUUID } from 'node:crypto';
import { type JobInput, type JobRun, runJob, SluiceError } from '../../src/index.ts';
import { LiveTopics } from './live-topic.ts';
import { PredictionServer, type PredictionServerOptions } from './prediction-server.ts';
import { until } from './until.ts';

/** The topics and the group of one live job. */
export interface LivePlace {
  readonly input: string;
  readonly output: string;
  readonly group: string;
}

/** What a test wants otherwise in the description of a live job. */
export interface LiveChanges extends Omit<Partial<JobInput>, 'intakeSettings' | 'outputSettings'> {
  readonly intakeSettings?: object;
  readonly outputSettings?: object;
}

/** Live jobs in this process, and what they need: topics of their own on a broker, and a prediction server. */
export class LiveRuns implements AsyncDisposable {
  readonly brokers: readonly string[];
  readonly topics: LiveTopics;
  readonly server: PredictionServer;
  readonly #running = new Set<JobRun>();

  private constructor(brokers: readonly string[], topics: LiveTopics, server: PredictionServer) {
    this.brokers = brokers;
    this.topics = topics;
    this.server = server;
  }

  static async open(brokers: readonly string[], options: PredictionServerOptions = {}): Promise<LiveRuns> {
    return new LiveRuns(brokers, await LiveTopics.open(brokers), await PredictionServer.start(options));
  }

  /** Settings of the cluster. */
  get cluster() {
    return { brokers: [...this.brokers], sessionSeconds: 6, retrySeconds: 60 };
  }

  /** Makes an input and an output topic. */
  async place(partitions: number, outputPartitions = partitions): Promise<LivePlace> {
    const input = `live-${randomUUID()}`;
    const output = `${input}.scored`;
    await this.topics.create(input, partitions);
    await this.topics.create(output, outputPartitions);
    return { input, output, group: `${input}-group` };
  }

  /** A job that reads JSON and writes JSON with the column `id`, in small batches. */
  job({ input, output, group }: LivePlace, changes: LiveChanges = {}): JobInput {
    return {
      deployment: { id: 'live', server: this.server.url },
      kafka: this.cluster,
      passthroughColumns: ['id'],
      chunkRows: 20,
      lingerMs: 5,
      ...changes,
      intakeSettings: { type: 'kafka', topic: input, group, ...changes.intakeSettings },
      outputSettings: { type: 'kafka', topic: output, ...changes.outputSettings },
    };
  }

  begin(job: JobInput): JobRun {
    const run = runJob(job);
    this.#running.add(run);
    run.result.catch(() => undefined).finally(() => this.#running.delete(run));
    return run;
  }

  /** Resolves when the group has committed everything; rejects with what one of the runs failed with. */
  async drained({ group, input }: Pick<LivePlace, 'group' | 'input'>, ...runs: readonly JobRun[]): Promise<void> {
    const failed = Promise.race(runs.map(({ result }) => result));
    failed.catch(() => undefined);
    const done = this.topics.drained(group, input, () => JSON.stringify(runs.map((run) => run.progress())));
    await Promise.race([done, failed]);
  }

  /** Resolves when each of the runs works on partitions. */
  async balanced(...runs: readonly JobRun[]): Promise<void> {
    await until(
      () => runs.every((run) => (run.progress().topics?.partitions ?? 0) > 0),
      () => JSON.stringify(runs.map((run) => run.progress().topics)),
    );
  }

  /** Runs a live job over all that is in its topic, and stops it. */
  async score(place: LivePlace, changes: LiveChanges = {}): Promise<void> {
    const run = this.begin(this.job(place, changes));
    await this.drained(place, run);
    await this.stop(run);
  }

  /** Drains a run. */
  async stop(run: JobRun): Promise<void> {
    run.stop();
    const error = await run.result.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof SluiceError && error.code === 'JOB_INTERRUPTED')) throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#running];
    for (const run of running) run.abort();
    await Promise.allSettled(running.map(({ result }) => result));
    await this.topics[Symbol.asyncDispose]();
    await this.server.close();
  }
}
