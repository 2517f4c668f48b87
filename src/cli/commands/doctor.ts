import { Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { loadConfiguration } from '../../jobs/configuration.ts';
import { loadJob } from '../../jobs/description/parse-job.ts';
import { examineJob } from '../../jobs/doctor/examine-job.ts';
import type { Finding } from '../../jobs/doctor/finding.ts';
import { atRunTime } from '../../jobs/run-time.ts';

interface Options {
  readonly config?: string;
  readonly engine?: 'direct' | 'kafka';
  readonly brokers?: string;
  readonly overwrite: boolean;
  readonly timeout: number;
  readonly json: boolean;
}

/** `sluice doctor JOB.yaml`. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Looks at all that a job needs (intake, output, prediction server, Kafka, disk) and says what works.')
    .argument('<job>', 'the job file')
    .option('--config <file>', 'configuration with the deployments that deploymentId names')
    .option('--engine <name>', "in place of the job's own: direct or kafka")
    .option('--brokers <list>', "the Kafka cluster, in place of the job's own")
    .option('--overwrite', 'as the run would be told: an output that is there is no fault', false)
    .option('--timeout <seconds>', 'how long each check may take', seconds, 20)
    .option('--json', 'print one line of JSON', false)
    .addHelpText(
      'after',
      `
Reads little and writes nothing. Each line is ok, fails (with what to do) or skipped (with why).

Examples:
  sluice doctor job.yaml
  sluice doctor job.yaml --config sluice.yaml --json

Exit codes: 0 nothing fails, 2 the job file is not valid, 3 something fails.`,
    )
    .action(async (file: string, options: Options) => {
      const { config, brokers, engine, overwrite, timeout } = options;
      const configuration = config === undefined ? undefined : loadConfiguration(config);
      const job = atRunTime(loadJob(file, { configuration, brokers, engine }), systemClock.wall());
      const { signal } = new AbortController();
      const findings = await examineJob(job, { clock: systemClock, overwrite, timeoutMs: 1000 * timeout, signal });
      process.stdout.write(options.json ? `${JSON.stringify({ job: file, findings })}\n` : screenOf(findings));
      const failing = findings.filter(({ status }) => status === 'fails').map(({ what }) => what);
      if (failing.length > 0)
        throw new SluiceError(
          'CHECK_FAILED',
          `${failing.length} of ${findings.length} checks fail: ${failing.join(', ')}`,
        );
    });
}

function screenOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  const lines = findings.map(({ what, status, says, code }) => {
    const reason = code === null ? says : `${code}: ${says}`;
    return `${status.padEnd(7)}  ${what.padEnd(width)}  ${reason}`;
  });
  return `${lines.join('\n')}\n`;
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0 || value > 86_400)
    throw new InvalidArgumentError('it must be a number of seconds.');
  return value;
}
