import { type Command, Option } from 'commander';
import { type ProgressMode, progressModes } from './progress-display.ts';

/** The options of every command that runs a job. */
export interface RunOptions {
  readonly overwrite: boolean;
  readonly progress: ProgressMode;
  readonly quiet: boolean;
}

/** Adds them to a command. */
export function withRunOptions(command: Command): Command {
  return command
    .option('--overwrite', 'start anew: replace an existing output, throw away an interrupted one', false)
    .addOption(
      new Option('--progress <how>', 'how progress is shown, on standard error').choices(progressModes).default('auto'),
    )
    .option('--quiet', 'show nothing but errors', false);
}
