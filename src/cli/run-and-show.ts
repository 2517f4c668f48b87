import type { JobDescription } from '../jobs/description/parse-job.ts';
import { startJob } from '../jobs/run-job.ts';
import { interruptible } from './interrupts.ts';
import { showProgress } from './progress-display.ts';
import { summary } from './progress-text.ts';
import type { RunOptions } from './run-options.ts';

/** Runs a job for somebody who watches: progress, Ctrl-C, last words. Throws what the job failed with. */
export async function runAndShow(job: JobDescription, options: RunOptions): Promise<void> {
  const say = (text: string): void => {
    if (!options.quiet) process.stderr.write(`sluice: ${text}\n`);
  };
  const run = startJob(job, { overwrite: options.overwrite });
  using _ = interruptible(run, say);
  await showProgress(run, options.quiet ? 'none' : options.progress, process.stderr);
  say(summary(await run.result, job.outputSettings.path));
}
