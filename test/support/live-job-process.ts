import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { JobInput } from '../../src/index.ts';

const CHILD = join(import.meta.dirname, 'live-job-child.ts');

/** A live job in a process of its own. */
export interface LiveProcess {
  /** Resolves when SIGTERM drains it and does not just end it. */
  readonly heeds: Promise<void>;
  /** Null when it was killed by a signal. */
  readonly ended: Promise<number | null>;
  readonly isRunning: boolean;
  /** Whether it has ended, and not by a signal. */
  readonly isOver: boolean;
  /** What it wrote to its standard error. */
  said(): string;
  signal(name: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void;
}

/** Starts a process that runs the job until it is told to end. */
export function startLive(description: JobInput): LiveProcess {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(description)], { stdio: 'pipe' });
  let said = '';
  let running = true;
  let over = false;
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      running = false;
      over = code !== null;
      resolve(code);
    });
  });
  const heeds = new Promise<void>((resolve) => {
    child.stdout.once('data', () => resolve());
    child.once('close', () => resolve());
  });
  return {
    heeds,
    ended,
    get isRunning() {
      return running;
    },
    get isOver() {
      return over;
    },
    said: () => said,
    signal: (name) => void child.kill(name),
  };
}
