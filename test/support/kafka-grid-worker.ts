import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SLUICE = join(import.meta.dirname, '../../bin/sluice.js');

/** A `sluice worker` as a process of its own, to be killed, stopped and continued. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly ended: Promise<number | null>;
  #said = '';
  #wake: () => void = () => undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
      this.#wake();
    });
    child.on('close', () => this.#wake());
  }

  /** @param cluster the setting `kafka` of its configuration, which is written to `file`. Resolves when it waits for jobs. */
  static async start(file: string, cluster: object, more: object = {}): Promise<WorkerProcess> {
    writeFileSync(file, JSON.stringify({ kafka: cluster, ...more }));
    const child = spawn(process.execPath, [SLUICE, 'worker', '--config', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const worker = new WorkerProcess(child);
    await worker.says(/waiting for jobs/);
    return worker;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** All that it has said. */
  get said(): string {
    return this.#said;
  }

  /** Resolves when it has said it, from the given place of `said` on. */
  async says(what: RegExp, from = 0): Promise<void> {
    while (!what.test(this.#said.slice(from))) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null)
        throw new Error(`the worker ended and never said ${what}: ${this.#said}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** SIGTERM; gives its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return await this.ended;
  }
}
