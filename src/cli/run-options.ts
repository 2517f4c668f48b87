import { type Command, InvalidArgumentError, Option } from 'commander';
import type { JobContext } from '../jobs/description/parse-job.ts';
import { type ProgressMode, progressModes } from './progress-display.ts';
import { type WatchOptions, withWatchOptions } from './watch-run.ts';

/** The options of every command that runs a job. */
export interface RunOptions extends WatchOptions {
  readonly overwrite: boolean;
  readonly progress: ProgressMode;
  readonly quiet: boolean;
  readonly engine?: 'direct' | 'kafka';
  readonly brokers?: string;
  readonly report?: string;
  readonly priority?: 'live' | 'batch';
  readonly maxShare?: number;
}

/** Adds them to a command. */
export function withRunOptions(command: Command): Command {
  return withWatchOptions(command)
    .option('--overwrite', 'start anew: replace an existing output, throw away an interrupted one', false)
    .addOption(
      new Option('--progress <how>', 'how progress is shown, on standard error').choices(progressModes).default('auto'),
    )
    .addOption(
      new Option('--engine <name>', "in place of the job's own: direct (this process), or kafka (topics)").choices([
        'direct',
        'kafka',
      ]),
    )
    .option('--brokers <list>', "the Kafka cluster, host:port separated by commas, in place of the job's own")
    .addOption(
      new Option(
        '--priority <rank>',
        "which jobs a server that others use too works for first, in place of the job's own",
      ).choices(['live', 'batch']),
    )
    .option('--max-share <share>', 'of what such a server bears, at the most: above 0, up to 1', share)
    .option(
      '--report <folder>',
      "writes report.json and report.html there when the job is done, in place of the job's own",
    )
    .option('--quiet', 'show nothing but errors', false);
}

/** What the options say in place of the job. */
export function jobContext({ brokers, engine, priority, maxShare }: RunOptions): JobContext {
  return {
    brokers,
    engine,
    serverShare: { ...(priority === undefined ? {} : { priority }), ...(maxShare === undefined ? {} : { maxShare }) },
  };
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('it must be a number above 0, up to 1.');
}
