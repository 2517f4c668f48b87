import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import type { JobInput } from '../../src/index.ts';
import type { KafkaClient } from '../../src/links/kafka/client.ts';
import { createPlatformaticClient } from '../../src/links/kafka/clients/platformatic/client.ts';
import { type Command, startSluice } from './command-line.ts';
import { WorkerProcess } from './kafka-grid-worker.ts';
import { type Behaviour, PredictionServer, type ReceivedRequest } from './prediction-server.ts';
import { type KafkaService, startKafka } from './services/kafka.ts';
import type { KafkaOptions } from './services/kafka-properties.ts';

const CHUNK_BYTES = 2_000;

/** A run of a job as a command, and where its output goes. */
export interface FaultRun extends Command {
  readonly output: string;
}

/** How a run is started. */
interface RunCommand {
  readonly cwd?: string;
  readonly arguments?: readonly string[];
}

export interface FaultRigOptions {
  readonly rows?: number;
  /** Of a broker of its own. */
  readonly kafka?: KafkaOptions;
  /** A broker that somebody else has. */
  readonly broker?: KafkaService;
  readonly sessionSeconds?: number;
}

/** A broker, a prediction server and a file of rows; jobs over them as commands, and what the same job gives without Kafka. */
export class KafkaFaultRig implements AsyncDisposable {
  readonly broker: KafkaService;
  readonly folder: string;
  readonly rows: number;
  server: PredictionServer;
  readonly #workers: WorkerProcess[] = [];
  readonly #sessionSeconds: number;
  readonly #ownsBroker: boolean;
  readonly #runs: Command[] = [];
  #running = 0;
  #expected: Promise<Buffer> | undefined;

  private constructor(folder: string, broker: KafkaService, server: PredictionServer, options: FaultRigOptions) {
    this.folder = folder;
    this.broker = broker;
    this.server = server;
    this.rows = options.rows ?? 2_000;
    this.#sessionSeconds = options.sessionSeconds ?? 2;
    this.#ownsBroker = options.broker === undefined;
  }

  static async start(options: FaultRigOptions = {}): Promise<KafkaFaultRig> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-kafka-faults-'));
    const broker = options.broker ?? (await startKafka(options.kafka));
    const rig = new KafkaFaultRig(folder, broker, await PredictionServer.start(), options);
    const row = (at: number): string => `${at},"text, with ""quotes"" and\nlines ${at}",${at % 97}\n`;
    writeFileSync(
      join(folder, 'rows.csv'),
      `id,text,x\n${Array.from({ length: rig.rows }, (_, at) => row(at)).join('')}`,
    );
    return rig;
  }

  /** How the server answers from now on. */
  respond(respond: (request: ReceivedRequest) => Behaviour | undefined): void {
    this.server.options = { respond };
  }

  /**
   * The server answers so many requests more and none behind them, so that no job can end meanwhile. Resolves when one waits.
   * `respond` says how it goes on with those that come later.
   */
  standsStillAfter(more: number): Promise<void> {
    const reached = Promise.withResolvers<void>();
    let left = more;
    this.respond(() => {
      left -= 1;
      if (left >= 0) return undefined;
      reached.resolve();
      return { after: new Promise(() => undefined) };
    });
    return reached.promise;
  }

  /** The prediction server goes away with all its connections, and comes back at the same address behind `until`. */
  async serverAway(until: Promise<unknown>): Promise<void> {
    const { options, port } = this.server;
    await this.server.close();
    await until;
    this.server = await PredictionServer.start(options, port);
  }

  /** `kill -9` of the broker, which comes back with its records behind `until`. */
  async brokerAway(until: Promise<unknown>): Promise<void> {
    await this.broker.kill();
    await until;
    await this.broker.start();
  }

  /** Resolves when the server has had so many requests more than now; rejects when all runs have ended before. */
  async requests(more: number): Promise<void> {
    const server = this.server;
    const until = server.requests.length + more;
    while (server.requests.length < until) {
      if (this.#running === 0) throw new Error(`no job runs that could make ${more} requests more`);
      await passed(5);
    }
  }

  /** Starts the job: its run, again its run if it was run before. `over` changes its description. */
  run(name: string, over: Partial<JobInput> = {}, { arguments: more = [], ...command }: RunCommand = {}): FaultRun {
    const output = join(this.folder, `${name}.csv`);
    const job: JobInput = {
      deployment: { id: 'faults', server: this.server.url, token: 'token-of-the-run' },
      intakeSettings: { file: join(this.folder, 'rows.csv') },
      outputSettings: { path: output },
      passthroughColumns: ['id', 'text'],
      numConcurrent: 2,
      chunkSize: CHUNK_BYTES,
      engine: 'kafka',
      kafka: this.cluster(name),
      ...over,
    };
    const file = join(this.folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(job));
    const started = startSluice(['run', file, '--progress', 'json', ...more], command);
    this.#runs.push(started);
    this.#running += 1;
    void started.ended.then(() => (this.#running -= 1));
    return { ...started, output };
  }

  /** The setting `kafka` of a job whose topics bear its name. */
  cluster(name: string): NonNullable<JobInput['kafka']> {
    return {
      brokers: [...this.broker.plainBrokers],
      job: name,
      sessionSeconds: this.#sessionSeconds,
      retrySeconds: 60,
    };
  }

  /** A `sluice worker` with a token of its own for the deployment, by which the server knows its requests. */
  async worker(name: string, token: string | null = 'token-of-a-worker'): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(
      join(this.folder, `${name}.worker.json`),
      { brokers: [...this.broker.plainBrokers], sessionSeconds: this.#sessionSeconds, retrySeconds: 60 },
      token === null ? {} : { deployments: { faults: { server: this.server.url, token } } },
    );
    this.#workers.push(worker);
    return worker;
  }

  /** What the job gives without Kafka. */
  expected(): Promise<Buffer> {
    this.#expected ??= this.#direct();
    return this.#expected;
  }

  /** Does something with a client of the cluster. */
  async ask<T>(question: (client: KafkaClient) => Promise<T>): Promise<T> {
    const { plainBrokers: brokers } = this.broker;
    const connection = {
      brokers,
      clientId: 'judge',
      rack: null,
      tls: null,
      sasl: null,
      compression: 'none',
      retryMs: 30_000,
    } as const;
    const client = await createPlatformaticClient(connection, { clock: systemClock });
    try {
      return await question(client);
    } finally {
      await client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.#runs) process.kill('SIGKILL');
    await Promise.all(this.#runs.map(({ ended }) => ended));
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    await this.server.close();
    if (this.#ownsBroker) await this.broker[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #direct(): Promise<Buffer> {
    const server = await PredictionServer.start();
    const run = this.run('direct', {
      deployment: { id: 'faults', server: server.url },
      engine: 'direct',
      kafka: null,
    });
    const { code, stderr } = await run.ended;
    await server.close();
    if (code !== 0) throw new Error(`the job without Kafka failed: ${stderr}`);
    return readFileSync(run.output);
  }
}

/** For how long something is away, or between two looks; nothing is awaited by it. */
export function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
