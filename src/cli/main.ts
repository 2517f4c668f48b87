import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { findSluiceError, messageOf } from '../core/error.ts';
import { actualsCommand } from './commands/actuals.ts';
import { baselineCommand } from './commands/baseline.ts';
import { catalogCommand } from './commands/catalog.ts';
import { compareCommand } from './commands/compare.ts';
import { dlqCommand } from './commands/dlq.ts';
import { doctorCommand } from './commands/doctor.ts';
import { modelServerCommand } from './commands/model-server.ts';
import { planCommand } from './commands/plan.ts';
import { runCommand } from './commands/run.ts';
import { schemaCommand } from './commands/schema.ts';
import { scoreCommand } from './commands/score.ts';
import { serveCommand } from './commands/serve.ts';
import { tokenCommand } from './commands/token.ts';
import { verifyCommand } from './commands/verify.ts';
import { workerCommand } from './commands/worker.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';

/**
 * Runs the command line and gives the exit code. Nothing but errors and progress goes to standard error, nothing but what
 * was asked for to standard output.
 */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command('sluice')
    .description('Scores rows on prediction servers: files and Kafka topics, once each and in order.')
    .version(version(), '-v, --version')
    .showHelpAfterError('(sluice --help shows the options)')
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  sluice score in.csv out.csv --server http://127.0.0.1:8100 --deployment flights --passthrough flight_id
  sluice doctor job.yaml
  sluice plan job.yaml
  sluice run job.yaml --progress json
  sluice verify out.csv
  sluice dlq list job.yaml
  sluice serve --config sluice.yaml
  sluice worker --brokers broker-1:9092
  sluice catalog add flights in/flights.csv
  sluice baseline training.csv --out flights.baseline.json
  sluice actuals actuals.csv
  sluice model-server --port 8100

Exit codes: 0 done, 1 failed, 2 bad job file or arguments, 3 a check failed, 4 too many bad rows, 130 interrupted.`,
    );
  for (const command of [
    runCommand,
    scoreCommand,
    verifyCommand,
    compareCommand,
    dlqCommand,
    catalogCommand,
    baselineCommand,
    actualsCommand,
    doctorCommand,
    planCommand,
    serveCommand,
    tokenCommand,
    workerCommand,
    modelServerCommand,
    schemaCommand,
  ])
    program.addCommand(command().exitOverride());
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.badArguments;
    process.stderr.write(`${errorText(error)}\n`);
    return exitCodeOf(error);
  }
}

/** `sluice: CODE: message`, on one screen; an error that is not ours keeps its stack, as it is a fault to be reported. */
function errorText(error: unknown): string {
  const known = findSluiceError(error);
  if (known !== undefined) return `sluice: ${known.code}: ${known.message}`;
  return `sluice: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`;
}

function version(): string {
  // Two folders up in the sources, three in the built package.
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string }).version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}
