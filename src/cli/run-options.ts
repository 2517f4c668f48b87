import { type Command, Option } from 'commander';
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
    .option(
      '--report <folder>',
      "writes report.json and report.html there when the job is done, in place of the job's own",
    )
    .option('--quiet', 'show nothing but errors', false);
}
