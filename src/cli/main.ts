import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { findSluiceError, messageOf } from '../core/error.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';

/**
 * Each is loaded when it is asked for: a server, for one, brings packages that a run has no use for, and loading all of them would take
 * longer than many a run.
 */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./commands/run.ts')).runCommand(),
  score: async () => (await import('./commands/score.ts')).scoreCommand(),
  verify: async () => (await import('./commands/verify.ts')).verifyCommand(),
  compare: async () => (await import('./commands/compare.ts')).compareCommand(),
  dlq: async () => (await import('./commands/dlq.ts')).dlqCommand(),
  catalog: async () => (await import('./commands/catalog.ts')).catalogCommand(),
  baseline: async () => (await import('./commands/baseline.ts')).baselineCommand(),
  actuals: async () => (await import('./commands/actuals.ts')).actualsCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  plan: async () => (await import('./commands/plan.ts')).planCommand(),
  serve: async () => (await import('./commands/serve.ts')).serveCommand(),
  token: async () => (await import('./commands/token.ts')).tokenCommand(),
  worker: async () => (await import('./commands/worker.ts')).workerCommand(),
  'model-server': async () => (await import('./commands/model-server.ts')).modelServerCommand(),
  schema: async () => (await import('./commands/schema.ts')).schemaCommand(),
};

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
  const [name = ''] = args;
  for (const [known, command] of Object.entries(commands))
    if (known === name || !Object.hasOwn(commands, name)) program.addCommand((await command()).exitOverride());
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
