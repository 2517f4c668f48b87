import { Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { loadConfiguration } from '../../jobs/configuration.ts';
import { loadJob } from '../../jobs/description/parse-job.ts';
import { planJob } from '../../jobs/plan/plan-job.ts';
import { atRunTime } from '../../jobs/run-time.ts';
import { planScreen } from '../plan-screen.ts';
import { wholeNumber } from '../whole-number.ts';

interface Options {
  readonly config?: string;
  readonly engine?: 'direct' | 'kafka';
  readonly brokers?: string;
  readonly sampleRows: number;
  readonly scoreSample: boolean;
  readonly rate?: number;
  readonly json: boolean;
}

const SAMPLE_BYTES = 4 * 1024 * 1024;

/** `sluice plan JOB.yaml`. */
export function planCommand(): Command {
  return new Command('plan')
    .description(
      'Says what a job would do: rows, bytes, requests, output columns, time, risky settings. Writes nothing.',
    )
    .argument('<job>', 'the job file')
    .option('--config <file>', 'configuration with the deployments that deploymentId names')
    .option('--engine <name>', "in place of the job's own: direct or kafka")
    .option('--brokers <list>', "the Kafka cluster, in place of the job's own")
    .option('--sample-rows <number>', 'rows to read, 4 MB of them at the most', wholeNumber, 1_000)
    .option('--score-sample', 'send up to 56 of them to the prediction server, to measure it', false)
    .option('--rate <rows>', 'rows per second that the server is known to score', positive)
    .option('--json', 'print one line of JSON', false)
    .addHelpText(
      'after',
      `
Figures with a range are estimates from the sample. Nothing is written anywhere; without --score-sample nothing is scored.

Examples:
  sluice plan job.yaml
  sluice plan job.yaml --score-sample
  sluice plan job.yaml --rate 20000 --json

Exit codes: 0 planned, 1 the intake cannot be read, 2 the job file is not valid.`,
    )
    .action(async (file: string, options: Options) => {
      const { config, brokers, engine, scoreSample, rate = null } = options;
      const configuration = config === undefined ? undefined : loadConfiguration(config);
      const job = atRunTime(loadJob(file, { configuration, brokers, engine }), systemClock.wall());
      if (job.intakeSettings.type === 'localFile' && job.intakeSettings.files[0] === '-')
        throw new SluiceError(
          'CONFIG_INVALID',
          'standard input comes only once, so it cannot be looked at before it is scored',
        );
      const sample = { rows: Math.max(1, options.sampleRows), bytes: SAMPLE_BYTES };
      const { signal } = new AbortController();
      const plan = await planJob(job, { clock: systemClock, sample, scoreSample, rate, signal });
      process.stdout.write(options.json ? `${JSON.stringify({ job: file, ...plan })}\n` : planScreen(job, plan));
    });
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('it must be a number above 0.');
  return value;
}
