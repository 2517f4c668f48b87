import { rename, stat, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { defaultCsvSettings } from '../../codecs/csv/csv-settings.ts';
import { systemClock } from '../../core/clock.ts';
import { messageOf, SluiceError } from '../../core/error.ts';
import { loadConfiguration } from '../../jobs/configuration.ts';
import { makeBaseline } from '../../jobs/monitoring/make-baseline.ts';
import { openNamedRows } from '../../jobs/monitoring/named-rows.ts';
import type { Baseline, BaselineColumn } from '../../monitoring/baseline.ts';
import { count } from '../progress-text.ts';
import { endpointOption, regionOption } from '../store-options.ts';

interface Options {
  readonly out: string;
  readonly predictions?: string;
  readonly features?: readonly string[];
  readonly exclude: readonly string[];
  readonly config?: string;
  readonly delimiter?: string;
  readonly quotechar?: string;
  readonly encoding?: string;
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly quiet: boolean;
}

/** `sluice baseline SOURCE --out FILE`. */
export function baselineCommand(): Command {
  return new Command('baseline')
    .description(
      'Counts the rows that a model was made of, so that jobs can tell how far theirs have drifted from them.',
    )
    .argument('<source>', 'a file of any format, a folder, a pattern, s3://…, http(s)://…, or dataset:NAME[@VERSION]')
    .requiredOption('--out <file>', 'where the baseline is written, as JSON; named by `baseline` of a deployment')
    .option('--predictions <source>', 'a scored output of rows that the model did not see, for target drift')
    .option('--features <columns>', 'only these columns, comma separated (all, 50 at the most)', names)
    .option('--exclude <columns>', 'not these columns', names, [])
    .option('--config <file>', 'configuration with the catalog')
    .option('--delimiter <char>', 'one character, or tab')
    .option('--quotechar <char>', 'one character')
    .option('--encoding <name>', 'text encoding of the source')
    .option(...endpointOption)
    .option(...regionOption)
    .option('--quiet', 'show nothing but errors', false)
    .addHelpText(
      'after',
      `
Columns that a reply of the prediction server has (those named ..._PREDICTION) are predictions, also in <source> itself.
Numbers are counted by the deciles of the baseline, texts by their 20 most frequent values.

Examples:
  sluice baseline training.csv --out flights.baseline.json --exclude flight_id
  sluice baseline dataset:flights@1 --out flights.baseline.json --predictions holdout-scored.csv`,
    )
    .action(async (source: string, options: Options) => {
      const { out, predictions, features = null, exclude, quiet } = options;
      const configuration = options.config === undefined ? undefined : loadConfiguration(options.config);
      const { delimiter, quotechar, encoding, endpointUrl, region } = options;
      const csvSettings = { ...defaultCsvSettings, ...given({ delimiter, quotechar, encoding }) };
      const open = (name: string) =>
        openNamedRows({ source: name, csvSettings, s3: given({ endpointUrl, region }), configuration }, systemClock);
      const baseline = await makeBaseline(
        {
          rows: open(source),
          predictions: predictions === undefined ? null : open(predictions),
          features,
          exclude,
          clock: systemClock,
        },
        new AbortController().signal,
      );
      await written(out, `${JSON.stringify(baseline)}\n`);
      if (!quiet) process.stdout.write(baselineText(out, baseline));
    });
}

function baselineText(out: string, { rows, features, predictions }: Baseline): string {
  return [
    `${out}: ${count(rows)} rows, ${features.length} features, ${predictions.length} columns of predictions`,
    ...[...features, ...predictions].map((column) => `  ${column.statistics.name}: ${kindText(column)}`),
    '',
  ].join('\n');
}

function kindText(column: BaselineColumn): string {
  if (column.kind === 'number') return `numbers in ${column.edges.length + 1} intervals`;
  if (column.kind === 'untracked') return 'names its row, or is a text: only what is missing is counted';
  const { categories, others, isComplete } = column;
  const rest = others.length === 0 ? '' : ` and ${isComplete ? '' : 'more than '}${count(others.length)} others`;
  return `${categories.length} categories${rest}`;
}

/** A device or a pipe would be replaced by a file: /dev/null, for one, for all of the machine. */
async function written(path: string, text: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found !== null && !found.isFile())
    throw new SluiceError('OUTPUT_UNWRITABLE', `${path} is no file, and would be replaced by one. Name a file.`);
  try {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  } catch (error) {
    throw new SluiceError('OUTPUT_UNWRITABLE', `${path} cannot be written: ${messageOf(error)}.`, { cause: error });
  }
}

function names(text: string): readonly string[] {
  const found = text.split(',').filter((name) => name !== '');
  if (found.length === 0) throw new InvalidArgumentError('it must name a column.');
  return found;
}

/** The options that were given. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
