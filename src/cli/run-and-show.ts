import { join } from 'node:path';
import { systemClock } from '../core/clock.ts';
import type { JobDescription } from '../jobs/description/parse-job.ts';
import { outputName } from '../jobs/open-endpoints.ts';
import { startJob } from '../jobs/run-job.ts';
import { atRunTime } from '../jobs/run-time.ts';
import { interruptible } from './interrupts.ts';
import { showProgress } from './progress-display.ts';
import { summary } from './progress-text.ts';
import type { RunOptions } from './run-options.ts';
import { watchRun } from './watch-run.ts';

/** Runs a job for somebody who watches: progress, Ctrl-C, last words. Throws what the job failed with. */
export async function runAndShow(description: JobDescription, options: RunOptions): Promise<void> {
  const { report = description.report } = options;
  const job = atRunTime({ ...description, report }, systemClock.wall());
  const say = (text: string): void => {
    if (!options.quiet) process.stderr.write(`sluice: ${text}\n`);
  };
  // Before the run: a port that cannot be had must not end a command whose rows are on their way. Nobody can ask before there is a run.
  await using _ = await watchRun({ progress: () => run.progress() }, job, options, say);
  const run = startJob(job, { overwrite: options.overwrite });
  using __ = interruptible(run, say);
  await showProgress(run, options.quiet ? 'none' : options.progress, process.stderr);
  say(summary(await run.result, outputName(job)));
  if (job.report !== null) say(`report: ${join(job.report, 'report.html')}`);
}
