import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { JobInput } from '../../src/index.ts';
import { PredictionServer } from './prediction-server.ts';

export interface KillCase {
  readonly compressed: boolean;
  readonly partitions: number;
  /** One row in a hundred cannot be scored. */
  readonly badRows: boolean;
}

const CHILD = join(import.meta.dirname, 'run-job-child.ts');
const ROWS = 12_000;

/** A small generator of numbers in [0, 1) (mulberry32), so that a seed names a run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function rowsWith(filling: string): string {
  const lines = Array.from(
    { length: ROWS },
    (_, row) => `${row},"text, with ""quotes"" and\nlines ${row}${filling}",${row % 97}\n`,
  );
  return `id,text,x\n${lines.join('')}`;
}

/** What a run leaves: the output's bytes, its rows unpacked, and its dead letters. */
export interface Outcome {
  readonly output: Buffer;
  readonly rows: string;
  readonly deadLetters: readonly string[];
  /** Rows that the last process found done already. */
  readonly continuedFrom: number;
  /** Requests for predictions that all its processes have made. */
  readonly requests: number;
}

/** Runs jobs as processes over one intake and one server, undisturbed or killed. */
export class KilledRuns {
  readonly #folder: string;
  readonly #server: PredictionServer;
  /** Told of every request. */
  #onRequest = (): void => undefined;

  private constructor(folder: string, server: PredictionServer) {
    this.#folder = folder;
    this.#server = server;
  }

  static async start(folder: string): Promise<KilledRuns> {
    writeFileSync(join(folder, 'rows.csv'), rowsWith(''));
    // Large enough for several members of the compressed output; several members in the intake, too, as a log rotator
    // leaves them.
    const text = rowsWith(' and some text to make it longer'.repeat(40));
    const cut = Math.floor(text.length / 3);
    writeFileSync(
      join(folder, 'rows.csv.gz'),
      Buffer.concat([gzipSync(text.slice(0, cut)), gzipSync(text.slice(cut))]),
    );
    const server = await PredictionServer.start({ rejectAs: 422 });
    return new KilledRuns(folder, server);
  }

  /**
   * Runs the job of a case to its end.
   * @param killAt a process of its own is killed for each of them, with the request of this number that it makes, from 1. What is at work then
   * does not depend on how fast the machine is.
   */
  async run(tested: KillCase, name: string, killAt: readonly number[]): Promise<Outcome> {
    const before = this.#server.requests.length;
    this.#server.options = {
      ...this.#server.options,
      respond: () => {
        this.#onRequest();
        return undefined;
      },
      reject: (fields) => (tested.badRows && Number(fields[0]) % 100 === 37 ? `row ${fields[0]} is bad` : null),
    };
    const suffix = tested.compressed ? '.gz' : '';
    const output = join(this.#folder, `${name}.csv${suffix}`);
    const description: JobInput = {
      deployment: { id: 'kills', server: this.#server.url },
      intakeSettings: { file: join(this.#folder, `rows.csv${suffix}`) },
      outputSettings: { path: output },
      passthroughColumns: ['id', 'text'],
      includePredictionStatus: true,
      numConcurrent: tested.partitions,
      chunkSize: tested.compressed ? 30_000 : 2_000,
    };
    for (const request of killAt) await this.#child(description, request);
    const last = await this.#child(description, null);
    const bytes = readFileSync(output);
    return {
      output: bytes,
      rows: (tested.compressed ? gunzipSync(bytes) : bytes).toString(),
      deadLetters: tested.badRows ? readFileSync(`${output}.dead.jsonl`, 'utf8').trimEnd().split('\n').toSorted() : [],
      continuedFrom: Number(last.split('\n').at(-2)),
      requests: this.#server.requests.length - before,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
  }

  /** One process: killed with SIGKILL when its request of this number comes, or left to end, which it must do well. Gives what it told. */
  async #child(description: JobInput, killAt: number | null): Promise<string> {
    const child = spawn(process.execPath, [CHILD, JSON.stringify(description)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let requests = 0;
    this.#onRequest = () => {
      requests += 1;
      if (requests === killAt) child.kill('SIGKILL');
    };
    let told = '';
    child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    // A run that had less left to do than its killer waited for has ended well; the one after it finds the output finished.
    if (code === 0 || (killAt !== null && code === null) || said.startsWith('OUTPUT_EXISTS')) return told;
    throw new Error(`the run failed with ${code}: ${said}`);
  }
}
