import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { JobInput, Manifest } from '../../../src/index.ts';
import type { PlacedIntake } from './matrix-parts.ts';

const CHILD = join(import.meta.dirname, 'job-child.ts');

/** How a job ended, as its process tells it. */
export type JobEnd = { readonly manifest: Manifest; readonly continuedFrom: number } | { readonly error: string };

/** One run of a job as a process of its own. */
export class JobProcess {
  /** Null when it was killed. */
  readonly ended: Promise<JobEnd | null>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';

  constructor(job: JobInput, overwrite: boolean, { stdin, env }: Pick<PlacedIntake, 'stdin' | 'env'>) {
    const child = fork(CHILD, [JSON.stringify(job), String(overwrite)], {
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    });
    this.#child = child;
    let end: JobEnd | null = null;
    child.on('message', (told) => (end = told as JobEnd));
    child.stdout!.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(stdin ?? '');
    this.ended = new Promise((resolve, reject) => {
      child.on('close', (code, signal) => {
        if (signal === 'SIGKILL' || end !== null) resolve(end);
        else reject(new Error(`the process ended with ${code ?? signal}: ${this.#stderr}`));
      });
    });
    this.ended.catch(() => undefined);
  }

  /** All that it has written to its standard output. */
  get stdout(): string {
    return this.#stdout;
  }

  /** `kill -9`; says whether it was running. */
  kill(): boolean {
    return this.#child.kill('SIGKILL');
  }
}
