import { Command, Option } from 'commander';
import { CatalogIndex } from '../../../connectors/catalog/catalog-index.ts';
import { versionShape } from '../../../connectors/catalog/rest-shapes.ts';
import { defaultCsvSettings } from '../../codecs/csv/csv-settings.ts';
import { FORMAT_NAMES, type FormatName } from '../../codecs/object-format.ts';
import { systemClock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { addDataset, removeDataset } from '../../jobs/catalog/add-dataset.ts';
import { catalogPlace } from '../../jobs/catalog/catalog-place.ts';
import { openDatasetInput } from '../../jobs/catalog/dataset-input.ts';
import { StoredVersions } from '../../jobs/catalog/version-files.ts';
import { type Configuration, loadConfiguration } from '../../jobs/configuration.ts';
import { csvFields } from '../../jobs/description/csv-fields.ts';
import { validate } from '../../jobs/description/validate.ts';
import { listText, versionsText, versionText } from '../catalog-text.ts';
import { count } from '../progress-text.ts';

interface Options {
  readonly config?: string;
  readonly json: boolean;
}

interface AddOptions extends Options {
  readonly format: FormatName;
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly delimiter?: string;
  readonly quotechar?: string;
  readonly encoding?: string;
  readonly raggedRows?: 'fail' | 'skip';
  readonly credentialId?: string;
  readonly endpointUrl?: string;
  readonly region?: string;
}

/** `sluice catalog …`: Sluice's own registry of datasets. */
export function catalogCommand(): Command {
  const command = new Command('catalog')
    .description('Keeps data sets in versions that never change, for jobs to name (intake of type dataset).')
    .addHelpText(
      'after',
      `
The registry lies in the state folder: SLUICE_STATE, stateFolder of the configuration, or .sluice in the working folder.

Examples:
  sluice catalog add flights 'in/*.csv.gz'
  sluice catalog add flights s3://bucket/flights/ --endpoint-url http://127.0.0.1:7070 --compression zstd
  sluice catalog list
  sluice catalog versions flights
  sluice catalog show flights
  sluice catalog show flights 1 --json
  sluice catalog remove flights 1

Exit codes: 0 done, 1 failed, 2 bad arguments, 130 interrupted.`,
    );
  for (const sub of [addCommand(), listCommand(), versionsCommand(), showCommand(), removeCommand()])
    command.addCommand(sub.exitOverride());
  return command;
}

function addCommand(): Command {
  return shared(new Command('add'))
    .description('Makes a data set, or another version of it, of all rows of a source.')
    .argument('<name>', 'the data set')
    .argument('<source>', 'a file, a folder, a glob, s3://…, http(s)://…, or - for standard input')
    .addOption(new Option('--format <format>', 'what its file holds').choices(FORMAT_NAMES).default('csv'))
    .addOption(
      new Option('--compression <how>', 'how its file is packed').choices(['none', 'gzip', 'zstd']).default('none'),
    )
    .option('--delimiter <char>', 'of the source: one character, or tab')
    .option('--quotechar <char>', 'of the source: one character')
    .option('--encoding <name>', 'text encoding of the source')
    .addOption(new Option('--ragged-rows <what>', 'records with a wrong number of fields').choices(['fail', 'skip']))
    .option('--credential-id <id>', 'for s3://: credentials of the configuration')
    .option('--endpoint-url <url>', 'for s3://: a server that speaks S3')
    .option('--region <name>', 'for s3://')
    .action(async (name: string, source: string, options: AddOptions) => {
      assertName(name);
      const { delimiter, quotechar, encoding, raggedRows, credentialId, endpointUrl, region } = options;
      const given = { delimiter, quotechar, encoding, raggedRows };
      const csv = validate(csvFields, withoutUndefined(given), new Set(), { place: (path) => `--${path.join('.')}` });
      const configuration = configurationOf(options);
      const s3 = withoutUndefined({ credentialId, endpointUrl, region });
      const input = openDatasetInput(
        { source, csvSettings: { ...defaultCsvSettings, ...csv }, s3, configuration },
        { input: process.stdin },
        systemClock,
      );
      const stopping = new AbortController();
      const stop = (): void => stopping.abort(new SluiceError('JOB_INTERRUPTED', 'stopped: no version was made'));
      process.once('SIGINT', stop);
      process.once('SIGTERM', stop);
      try {
        await inCatalog(configuration, async (index, files) => {
          const { format, compression } = options;
          const onRows = rowsShown();
          const parts = { index, files, name, ...input, format, compression, clock: systemClock, onRows };
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

/** On a terminal the rows so far are shown, a few times a second. */
function rowsShown(): (rows: number) => void {
  let shownAt = systemClock.now();
  return (rows) => {
    if (!process.stderr.isTTY || systemClock.now() - shownAt < 250) return;
    shownAt = systemClock.now();
    process.stderr.write(`\r\u001B[K${count(rows)} rows\r`);
  };
}

function listCommand(): Command {
  return shared(new Command('list'))
    .description('Lists the data sets, each with its latest version.')
    .action(async (options: Options) => {
      await inCatalog(configurationOf(options), async (index) => {
        const found = index.list();
        print(options, found.map(versionShape), listText(found));
      });
    });
}

function versionsCommand(): Command {
  return shared(new Command('versions'))
    .description('Lists the versions of a data set, the newest first.')
    .argument('<name>', 'the data set, by its name or ID')
    .action(async (name: string, options: Options) => {
      await inCatalog(configurationOf(options), async (index) => {
        const found = index.versions(name);
        print(options, found.map(versionShape), versionsText(found));
      });
    });
}

function showCommand(): Command {
  return shared(new Command('show'))
    .description('Shows a version: its columns with types and statistics, its rows, its digest.')
    .argument('<name>', 'the data set, by its name or ID')
    .argument('[version]', 'by its number or ID; the latest if left out')
    .action(async (name: string, version: string | undefined, options: Options) => {
      await inCatalog(configurationOf(options), async (index) => {
        const found = index.version(name, version ?? null);
        print(options, versionShape(found), versionText(found));
      });
    });
}

function removeCommand(): Command {
  return shared(new Command('remove'))
    .description('Removes a data set with all its versions, or one version, and the files of them.')
    .argument('<name>', 'the data set, by its name or ID')
    .argument('[version]', 'only this one, by its number or ID')
    .action(async (name: string, version: string | undefined, options: Options) => {
      await inCatalog(configurationOf(options), async (index, files) => {
        const { signal } = new AbortController();
        const removed = await removeDataset({ index, files }, name, version ?? null, signal);
        print(
          options,
          removed.map(versionShape),
          removed.map((one) => `${one.name}: version ${one.number} removed\n`).join(''),
        );
      });
    });
}

function shared(command: Command): Command {
  return command
    .option('--config <file>', 'configuration with stateFolder, credentials and catalog')
    .option('--json', 'print JSON', false);
}

function configurationOf({ config }: Options): Configuration | undefined {
  return config === undefined ? undefined : loadConfiguration(config);
}

async function inCatalog(
  configuration: Configuration | undefined,
  work: (index: CatalogIndex, files: StoredVersions) => Promise<void>,
): Promise<void> {
  const place = catalogPlace(configuration, process.env);
  using index = await CatalogIndex.open(place.folder);
  await using files = new StoredVersions(place, systemClock);
  await work(index, files);
}

function print({ json }: Options, value: unknown, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : text);
}

/** Names are typed, and stand in keys of objects. */
function assertName(name: string): void {
  if (/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,99}$/u.test(name)) return;
  throw new SluiceError(
    'CONFIG_INVALID',
    `"${name}" cannot be the name of a data set: up to 100 letters, digits, spaces and . _ - can, and it begins with a letter or digit.`,
  );
}

function withoutUndefined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
