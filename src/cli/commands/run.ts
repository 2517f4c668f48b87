import { Command } from 'commander';
import { loadConfiguration } from '../../jobs/configuration.ts';
import { loadJob } from '../../jobs/description/parse-job.ts';
import { runAndShow } from '../run-and-show.ts';
import { jobContext, type RunOptions, withRunOptions } from '../run-options.ts';

interface Options extends RunOptions {
  readonly config?: string;
}

/** `sluice run JOB.yaml`. */
export function runCommand(): Command {
  const command = new Command('run')
    .description('Runs a job file (YAML or JSON). An interrupted job is continued by running it again.')
    .argument('<job>', 'the job file')
    .option('--config <file>', 'configuration with the deployments that deploymentId names');
  return withRunOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  sluice run job.yaml
  sluice run job.yaml --config sluice.yaml --progress json 2> progress.log
  sluice run job.yaml --engine kafka --brokers broker-1:9092,broker-2:9092
  PREDICTION_TOKEN=... sluice run job.yaml --overwrite`,
    )
    .action(async (file: string, options: Options) => {
      const configuration = options.config === undefined ? undefined : loadConfiguration(options.config);
      await runAndShow(loadJob(file, { ...jobContext(options), configuration }), options);
    });
}
