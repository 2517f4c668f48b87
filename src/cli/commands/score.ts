import { Command, InvalidArgumentError, Option } from 'commander';
import { FORMAT_NAMES, type FormatName } from '../../codecs/object-format.ts';
import type { JobInput } from '../../jobs/description/job-description.ts';
import { resolveJob } from '../../jobs/description/parse-job.ts';
import { WIRE_NAMES, type WireName } from '../../scoring/wires/wire.ts';
import { runAndShow } from '../run-and-show.ts';
import { jobContext, type RunOptions, withRunOptions } from '../run-options.ts';
import { wholeNumber } from '../whole-number.ts';

interface Options extends RunOptions {
  readonly server: string;
  readonly deployment: string;
  readonly wire?: WireName;
  readonly token?: string;
  readonly reply?: 'csv' | 'json';
  readonly target?: string;
  readonly classes?: readonly string[];
  readonly positiveClass?: string;
  readonly associationId?: string;
  readonly concurrency?: number;
  readonly limiter?: 'auto' | 'fixed';
  readonly chunkSize?: 'auto' | 'fixed' | 'dynamic' | number;
  readonly passthrough?: readonly string[];
  readonly rename?: readonly (readonly [string, string])[];
  readonly delimiter?: string;
  readonly format?: FormatName;
  readonly outputFormat?: FormatName;
  readonly jsonPath?: string;
  readonly columns?: readonly string[];
  readonly quotechar?: string;
  readonly encoding?: string;
  readonly raggedRows?: 'fail' | 'skip';
  readonly maxExplanations?: number;
  readonly thresholdHigh?: number;
  readonly thresholdLow?: number;
  readonly threshold?: number;
  readonly probabilities: boolean;
  readonly status: boolean;
  readonly abortOnError: boolean;
  readonly deadLetters?: string;
}

/** `sluice score IN OUT`: a job without a file. */
export function scoreCommand(): Command {
  const command = new Command('score')
    .description(
      'Scores files (CSV, JSON Lines, JSON, Avro) into a file, without a job file. An interrupted run is continued by running it again.',
    )
    .argument('<in>', 'a file, a folder, a glob, or - for standard input; .gz, .zst and .bz2 are unpacked')
    .argument('<out>', 'the output, or - for standard output; .gz and .zst are packed')
    .requiredOption('--server <url>', 'base URL of the prediction server')
    .requiredOption('--deployment <id>', 'the deployment on that server')
    .addOption(new Option('--wire <name>', 'request and reply format of the server (datarobot)').choices(WIRE_NAMES))
    .option('--token <token>', 'token of the server; better in the environment, as PREDICTION_TOKEN')
    .addOption(new Option('--reply <format>', 'what the server is asked to answer with').choices(['csv', 'json']))
    .option('--target <name>', 'name of the target, where the server does not say it')
    .option('--classes <labels>', "class labels in the order of the server's probabilities, comma separated", names)
    .option('--positive-class <label>', 'which of two classes is the positive one')
    .option('--association-id <column>', 'column that is always in the output')
    .option('--concurrency <number>', 'requests at once, at the most (4)', wholeNumber)
    .addOption(
      new Option('--limiter <kind>', 'as many at once as the server bears (auto), or always that many').choices([
        'auto',
        'fixed',
      ]),
    )
    .option('--chunk-size <size>', 'auto, fixed, dynamic, or bytes of one request', chunkSize)
    .option('--passthrough <columns>', 'columns to copy, comma separated, or all', names)
    .option('--rename <old=new>', 'another name for an output column; old= drops it; repeatable', renaming)
    .addOption(new Option('--format <name>', 'what the input holds (by its name or content)').choices(FORMAT_NAMES))
    .addOption(
      new Option('--output-format <name>', 'what is written (by the name of the output)').choices(FORMAT_NAMES),
    )
    .option('--json-path <path>', 'where the array of rows is in a JSON document, as data.rows')
    .option('--columns <columns>', 'columns of the input to read, comma separated (all)', names)
    .option('--delimiter <char>', 'one character, or tab')
    .option('--quotechar <char>', 'one character')
    .option('--encoding <name>', 'text encoding of the input and the output')
    .addOption(new Option('--ragged-rows <what>', 'records with a wrong number of fields').choices(['fail', 'skip']))
    .option('--max-explanations <number>', 'explanations per row', wholeNumber)
    .option('--threshold-high <number>', 'explain predictions from here up', decimal)
    .option('--threshold-low <number>', 'explain predictions from here down', decimal)
    .option('--threshold <number>', 'two classes: positive above this probability', decimal)
    .option('--no-probabilities', 'leave the class probabilities out')
    .option('--status', 'add prediction_status', false)
    .option('--no-abort-on-error', 'go on however many rows are bad')
    .option('--dead-letters <file>', 'where rows go that cannot be scored (<out>.dead.jsonl)');
  return withRunOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  sluice score flights.csv scored.csv --server http://127.0.0.1:8100 --deployment flights --passthrough flight_id
  sluice score 'in/*.csv.gz' scored.csv.gz --server https://predict.example --deployment 5f... --passthrough all
  sluice score export.json scored.avro --json-path data.rows --server http://127.0.0.1:8100 --deployment flights
  sluice score rows.csv scored.csv --wire mlflow --server http://127.0.0.1:5000 --deployment delays --target delay
  zcat in.csv.gz | sluice score - - --server http://127.0.0.1:8100 --deployment flights --quiet > scored.csv`,
    )
    .action(async (input: string, output: string, options: Options) => {
      await runAndShow(resolveJob(jobOf(input, output, options), jobContext(options)), options);
    });
}

function jobOf(input: string, output: string, options: Options): JobInput {
  const { passthrough, rename } = options;
  const all = passthrough?.length === 1 && passthrough[0] === 'all';
  return {
    deployment: {
      id: options.deployment,
      server: options.server,
      ...given({
        wire: options.wire,
        classes: options.classes === undefined ? undefined : [...options.classes],
        positiveClass: options.positiveClass,
        token: options.token ?? process.env['PREDICTION_TOKEN'],
        reply: options.reply,
        target: options.target,
        associationId: options.associationId,
      }),
    },
    intakeSettings: {
      type: 'localFile',
      file: input,
      ...given({
        format: options.format,
        jsonPath: options.jsonPath,
        columns: options.columns === undefined ? undefined : [...options.columns],
      }),
    },
    outputSettings: { type: 'localFile', path: output, ...given({ format: options.outputFormat }) },
    csvSettings: given({
      delimiter: options.delimiter,
      quotechar: options.quotechar,
      encoding: options.encoding,
      raggedRows: options.raggedRows,
    }),
    includeProbabilities: options.probabilities,
    includePredictionStatus: options.status,
    abortOnError: options.abortOnError,
    ...given({
      numConcurrent: options.concurrency,
      limiter: options.limiter,
      chunkSize: options.chunkSize,
      passthroughColumns: passthrough === undefined || all ? undefined : [...passthrough],
      passthroughColumnsSet: all ? ('all' as const) : undefined,
      columnNamesRemapping: rename?.map(([inputName, outputName]) => ({
        inputName,
        outputName: outputName === '' ? null : outputName,
      })),
      maxExplanations: options.maxExplanations,
      thresholdHigh: options.thresholdHigh,
      thresholdLow: options.thresholdLow,
      predictionThreshold: options.threshold,
      deadLetters: options.deadLetters === undefined ? undefined : { path: options.deadLetters },
    }),
  };
}

/** The fields that were given: an option that was not must leave the default to the schema. */
function given<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function names(text: string): readonly string[] {
  return text.split(',').filter((name) => name !== '');
}

function chunkSize(text: string): 'auto' | 'fixed' | 'dynamic' | number {
  if (text === 'auto' || text === 'fixed' || text === 'dynamic') return text;
  return wholeNumber(text);
}

function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('it must be a number.');
  return value;
}

function renaming(
  text: string,
  before: readonly (readonly [string, string])[] = [],
): readonly (readonly [string, string])[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('it must be old=new, or old= to drop the column.');
  return [...before, [text.slice(0, at), text.slice(at + 1)]];
}
