import { Command, Option } from 'commander';
import { versionShape } from '../../../connectors/catalog/rest-shapes.ts';
import { defaultCsvSettings } from '../../codecs/csv/csv-settings.ts';
import { FORMAT_NAMES, type FormatName } from '../../codecs/object-format.ts';
import { systemClock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import type { Source } from '../../core/source.ts';
import { addDataset } from '../../jobs/catalog/add-dataset.ts';
import { openDatabaseInput } from '../../jobs/catalog/database-input.ts';
import { openDatasetInput } from '../../jobs/catalog/dataset-input.ts';
import { DATASET_NAMES, isDatasetName } from '../../jobs/catalog/dataset-name.ts';
import type { Configuration } from '../../jobs/configuration.ts';
import { csvFields } from '../../jobs/description/csv-fields.ts';
import { validate } from '../../jobs/description/validate.ts';
import {
  type DatabaseOptions,
  givenDatabaseOptions,
  namedByOptions,
  withDatabaseOptions,
} from '../database-options.ts';
import { type CatalogOptions, configurationOf, inCatalog, withCatalogOptions } from '../open-catalog.ts';
import { count } from '../progress-text.ts';

interface Options extends CatalogOptions, DatabaseOptions {
  readonly format: FormatName;
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly query?: string;
  readonly delimiter?: string;
  readonly quotechar?: string;
  readonly encoding?: string;
  readonly raggedRows?: 'fail' | 'skip';
  readonly endpointUrl?: string;
  readonly region?: string;
}

/** `sluice catalog add NAME SOURCE`. */
export function catalogAddCommand(): Command {
  const command = new Command('add')
    .description('Makes a data set, or another version of it, of all rows of a source.')
    .argument('<name>', 'the data set')
    .argument('[source]', 'a file, a folder, a glob, s3://…, http(s)://…, - for standard input, or jdbc:…')
    .addOption(new Option('--format <format>', 'what its file holds').choices(FORMAT_NAMES).default('csv'))
    .addOption(
      new Option('--compression <how>', 'how its file is packed').choices(['none', 'gzip', 'zstd']).default('none'),
    )
    .option('--delimiter <char>', 'of the source: one character, or tab')
    .option('--quotechar <char>', 'of the source: one character')
    .option('--encoding <name>', 'text encoding of the source')
    .addOption(new Option('--ragged-rows <what>', 'records with a wrong number of fields').choices(['fail', 'skip']))
    .option('--endpoint-url <url>', 'for s3://: a server that speaks S3')
    .option('--region <name>', 'for s3://')
    .option('--query <sql>', 'for jdbc: addresses and data stores: a SELECT, in place of --table');
  return withCatalogOptions(withDatabaseOptions(command))
    .addHelpText(
      'after',
      `
Of a database all rows of a table or a query are kept, as they are in one moment; --format parquet keeps their types, too. A password
is best in the configuration (--credential-id, --data-store-id) or in the environment: --password-env, or \${NAME} in an
address in single quotes.

Examples:
  sluice catalog add flights 'in/*.csv.gz'
  sluice catalog add flights jdbc:sqlite:flights.db --table flights --format parquet
  sluice catalog add late jdbc:postgresql://db:5432/sales --user me --password-env DB_PASSWORD --query 'SELECT * FROM flights WHERE delay > 60'
  sluice catalog add flights --data-store-id warehouse --table public.flights --config sluice.yaml`,
    )
    .action(async (name: string, source: string | undefined, options: Options) => {
      assertName(name);
      const configuration = configurationOf(options);
      const input = inputOf(source, options, configuration);
      const stopping = new AbortController();
      const stop = (): void => stopping.abort(new SluiceError('JOB_INTERRUPTED', 'stopped: no version was made'));
      process.once('SIGINT', stop);
      process.once('SIGTERM', stop);
      try {
        await inCatalog(configuration, async (index, files) => {
          const { format, compression } = options;
          const onRows = rowsShown();
          const target = { kind: 'named', name } as const;
          const parts = { index, files, target, ...input, format, compression, clock: systemClock, onRows };
          const version = await addDataset(parts, stopping.signal);
          process.stdout.write(
            options.json
              ? `${JSON.stringify(versionShape(version))}\n`
              : `${name}: version ${version.number} (${version.versionId}), ${count(version.rows)} rows, ${version.columns.length} columns\n`,
          );
        });
      } finally {
        process.off('SIGINT', stop);
        process.off('SIGTERM', stop);
      }
    });
}

interface Input {
  readonly source: Source;
  readonly description: string;
}

function inputOf(source: string | undefined, options: Options, configuration: Configuration | undefined): Input {
  const isAddress = source?.startsWith('jdbc:') === true;
  if (isAddress || options.dataStoreId !== undefined) {
    if (source !== undefined && !isAddress)
      throw new SluiceError(
        'CONFIG_INVALID',
        `--data-store-id stands in place of SOURCE (${source}); keep one of them.`,
      );
    assertNone(fileOptions(options), 'is for files and objects, and the source is a database; leave it out.');
    if (options.table === undefined && options.query === undefined)
      throw new SluiceError('CONFIG_INVALID', 'Which rows of the database? --table or --query is missing.');
    return openDatabaseInput(namedByOptions(source, options), configuration, process.env, systemClock);
  }
  if (source === undefined)
    throw new SluiceError(
      'CONFIG_INVALID',
      'SOURCE is missing: a file, an address, or a data store (--data-store-id).',
    );
  assertNone(givenDatabaseOptions(options), 'is for databases: give a jdbc: address as SOURCE, or --data-store-id.');
  const { delimiter, quotechar, encoding, raggedRows, credentialId, endpointUrl, region } = options;
  const given = { delimiter, quotechar, encoding, raggedRows };
  const csv = validate(csvFields, withoutUndefined(given), new Set(), { place: (path) => `--${path.join('.')}` });
  const s3 = withoutUndefined({ credentialId, endpointUrl, region });
  return openDatasetInput(
    { source, csvSettings: { ...defaultCsvSettings, ...csv }, s3, configuration },
    { input: process.stdin },
    systemClock,
  );
}

function fileOptions({ delimiter, quotechar, encoding, raggedRows, endpointUrl, region }: Options): readonly string[] {
  const given = {
    '--delimiter': delimiter,
    '--quotechar': quotechar,
    '--encoding': encoding,
    '--ragged-rows': raggedRows,
    '--endpoint-url': endpointUrl,
    '--region': region,
  };
  return Object.keys(withoutUndefined(given));
}

function assertNone(given: readonly string[], message: string): void {
  if (given.length > 0) throw new SluiceError('CONFIG_INVALID', `${given[0]} ${message}`);
}

/** On a terminal the rows so far are shown, a few times a second. */
function rowsShown(): (rows: number) => void {
  let shownAt = systemClock.now();
  return (rows) => {
    if (!process.stderr.isTTY || systemClock.now() - shownAt < 250) return;
    shownAt = systemClock.now();
    process.stderr.write(`\r\u001B[K${count(rows)} rows\r`);
  };
}

function assertName(name: string): void {
  if (isDatasetName(name)) return;
  throw new SluiceError('CONFIG_INVALID', `"${name}" cannot be the name of a data set: ${DATASET_NAMES}.`);
}

function withoutUndefined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
