import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** How a process ended that was to be killed; rejects for one that failed by itself. */
export async function endOfRun(child: ChildProcess): Promise<'killed' | 'finished'> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  if (child.signalCode === 'SIGKILL') return 'killed';
  if (child.exitCode === 0) return 'finished';
  throw new Error(`the run ended with ${child.exitCode ?? child.signalCode}`);
}
