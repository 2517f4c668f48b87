import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobInput } from '../../src/index.ts';
import { WorkerProcess } from './kafka-grid-worker.ts';
import { PredictionServer } from './prediction-server.ts';
import type { KafkaService } from './services/kafka.ts';
import { startKafka } from './services/kafka.ts';

type Victim = 'run' | 'worker' | 'broker';

export interface KafkaKillCase {
  readonly victim: Victim;
  readonly partitions: number;
  readonly workers: number;
  /** One row in a hundred cannot be scored. */
  readonly badRows: boolean;
}

/** When the kill comes: behind so many of the requests of an undisturbed job, and so long after that. */
export interface KillMoment {
  readonly requests: number;
  readonly ms: number;
}

/** What a job leaves. */
export interface KafkaOutcome {
  readonly output: Buffer;
  readonly deadLetters: readonly string[];
}

/** What a kill met. */
export interface Hit {
  /** The job was under way: some rows were asked for, and the output was not published. */
  readonly running: boolean;
  /** Rows that the last process found delivered; null where no process had to continue. */
  readonly continuedFrom: number | null;
}

const CHILD = join(import.meta.dirname, 'run-job-child.ts');
const ROWS = 6_000;
const SESSION_SECONDS = 2;

/** One broker, one server and some workers, and the jobs that are run over them. */
export class KafkaGridJobs implements AsyncDisposable {
  readonly #folder: string;
  readonly #broker: KafkaService;
  readonly #server: PredictionServer;
  readonly #workers: WorkerProcess[] = [];
  #started = 0;

  private constructor(folder: string, broker: KafkaService, server: PredictionServer) {
    this.#folder = folder;
    this.#broker = broker;
    this.#server = server;
  }

  static async start(folder: string): Promise<KafkaGridJobs> {
    const lines = Array.from(
      { length: ROWS },
      (_, row) => `${row},"text, with ""quotes"" and\nlines ${row}",${row % 97}\n`,
    );
    writeFileSync(join(folder, 'rows.csv'), `id,text,x\n${lines.join('')}`);
    return new KafkaGridJobs(folder, await startKafka(), await PredictionServer.start({ rejectAs: 422 }));
  }

  /** The job in one process, without Kafka; and how many requests it took. */
  async direct(tested: KafkaKillCase, name: string): Promise<KafkaOutcome & { readonly requests: number }> {
    const before = this.#serve(tested);
    const child = this.#run(this.#description(tested, name, null));
    await child.end();
    return { ...this.#outcome(tested, name), requests: this.#server.requests.length - before };
  }

  /** The job over Kafka, with a kill at the given moment, continued until it is done. */
  async killed(
    tested: KafkaKillCase,
    name: string,
    moment: KillMoment,
    random: () => number,
  ): Promise<KafkaOutcome & Hit> {
    await this.#haveWorkers(tested.workers);
    const before = this.#serve(tested);
    const kafka = { brokers: [...this.#broker.brokers], sessionSeconds: SESSION_SECONDS, retrySeconds: 60 };
    const description = this.#description(tested, name, kafka);
    const output = description.outputSettings as { readonly path: string };
    let run = this.#run(description);
    await Promise.race([this.#requests(before + moment.requests), run.ended]);
    await new Promise((resolve) => setTimeout(resolve, moment.ms));
    const running = run.isRunning && this.#server.requests.length > before && !existsSync(output.path);
    let continuedFrom: number | null = null;
    if (tested.victim === 'run') {
      run.kill();
      await run.ended;
      run = this.#run(description);
      continuedFrom = await run.end();
    } else {
      if (tested.victim === 'broker') await this.#restartBroker(random() * 1_000);
      else await this.#replace(Math.floor(random() * tested.workers), random() * 1_000);
      await run.end();
    }
    return { ...this.#outcome(tested, name), running, continuedFrom };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    await this.#server.close();
    await this.#broker[Symbol.asyncDispose]();
  }

  /** Lets the server behave as the case wants it; returns how many requests it has had. */
  #serve({ badRows, partitions }: KafkaKillCase): number {
    this.#server.options = {
      rejectAs: 422,
      reject: (fields) => (badRows && Number(fields[0]) % 100 === 37 ? `row ${fields[0]} is bad` : null),
      // So slow that a job outlasts the joining of workers.
      respond: () => ({ after: new Promise((resolve) => setTimeout(resolve, partitions === 1 ? 8 : 25)) }),
    };
    return this.#server.requests.length;
  }

  async #requests(count: number): Promise<void> {
    while (this.#server.requests.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  #description(tested: KafkaKillCase, name: string, kafka: JobInput['kafka'] | null): JobInput {
    return {
      deployment: { id: 'kills', server: this.#server.url },
      intakeSettings: { file: join(this.#folder, 'rows.csv') },
      outputSettings: { path: join(this.#folder, `${name}.csv`) },
      passthroughColumns: ['id', 'text'],
      includePredictionStatus: true,
      numConcurrent: tested.partitions,
      chunkSize: 2_000,
      ...(kafka === null ? {} : { engine: 'kafka', kafka }),
    };
  }

  #outcome({ badRows }: KafkaKillCase, name: string): KafkaOutcome {
    const output = join(this.#folder, `${name}.csv`);
    return {
      output: readFileSync(output),
      deadLetters: badRows ? readFileSync(`${output}.dead.jsonl`, 'utf8').trimEnd().split('\n').toSorted() : [],
    };
  }

  #run(description: JobInput): RunProcess {
    return new RunProcess(
      spawn(process.execPath, [CHILD, JSON.stringify(description)], { stdio: ['ignore', 'pipe', 'pipe'] }),
    );
  }

  async #restartBroker(awayMs: number): Promise<void> {
    await this.#broker.kill();
    await new Promise((resolve) => setTimeout(resolve, awayMs));
    await this.#broker.start();
  }

  async #haveWorkers(count: number): Promise<void> {
    for (const worker of this.#workers.splice(count)) await worker.kill();
    while (this.#workers.length < count) this.#workers.push(await this.#worker());
  }

  async #replace(at: number, afterMs: number): Promise<void> {
    await this.#workers[at]!.kill();
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    this.#workers[at] = await this.#worker();
  }

  #worker(): Promise<WorkerProcess> {
    this.#started += 1;
    const file = join(this.#folder, `worker-${this.#started}.json`);
    return WorkerProcess.start(file, {
      brokers: [...this.#broker.brokers],
      sessionSeconds: SESSION_SECONDS,
      retrySeconds: 60,
    });
  }
}

/** The process of one run. */
class RunProcess {
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  #told = '';
  #said = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout!.on('data', (chunk: Buffer) => (this.#told += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (this.#said += chunk.toString()));
    this.ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Waits for its good end; gives the rows that it found delivered, null where it found the output finished. */
  async end(): Promise<number | null> {
    const code = await this.ended;
    if (code === 0) return Number(this.#told.split('\n').at(-2));
    if (this.#said.startsWith('OUTPUT_EXISTS')) return null;
    throw new Error(`the run failed with ${code}: ${this.#said}`);
  }
}
