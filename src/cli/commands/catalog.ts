import { Command } from 'commander';
import { versionShape } from '../../../connectors/catalog/rest-shapes.ts';
import { removeDataset } from '../../jobs/catalog/add-dataset.ts';
import { listText, versionsText, versionText } from '../catalog-text.ts';
import { type CatalogOptions, configurationOf, inCatalog, withCatalogOptions } from '../open-catalog.ts';
import { catalogAddCommand } from './catalog-add.ts';

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
  sluice catalog add flights jdbc:sqlite:flights.db --table flights --format parquet
  sluice catalog list
  sluice catalog versions flights
  sluice catalog show flights
  sluice catalog show flights 1 --json
  sluice catalog remove flights 1

Exit codes: 0 done, 1 failed, 2 bad arguments, 130 interrupted.`,
    );
  for (const sub of [catalogAddCommand(), listCommand(), versionsCommand(), showCommand(), removeCommand()])
    command.addCommand(sub.exitOverride());
  return command;
}

function listCommand(): Command {
  return withCatalogOptions(new Command('list'))
    .description('Lists the data sets, each with its latest version.')
    .action(async (options: CatalogOptions) => {
      await inCatalog(configurationOf(options), async (index) => {
        const found = index.list();
        print(options, found.map(versionShape), listText(found));
      });
    });
}

function versionsCommand(): Command {
  return withCatalogOptions(new Command('versions'))
    .description('Lists the versions of a data set, the newest first.')
    .argument('<name>', 'the data set, by its name or ID')
    .action(async (name: string, options: CatalogOptions) => {
      await inCatalog(configurationOf(options), async (index) => {
        const found = index.versions(name);
        print(options, found.map(versionShape), versionsText(found));
      });
    });
}

function showCommand(): Command {
  return withCatalogOptions(new Command('show'))
    .description('Shows a version: its columns with types and statistics, its rows, its digest.')
    .argument('<name>', 'the data set, by its name or ID')
    .argument('[version]', 'by its number or ID; the latest if left out')
    .action(async (name: string, version: string | undefined, options: CatalogOptions) => {
      await inCatalog(configurationOf(options), async (index) => {
        const found = index.version(name, version ?? null);
        print(options, versionShape(found), versionText(found));
      });
    });
}

function removeCommand(): Command {
  return withCatalogOptions(new Command('remove'))
    .description('Removes a data set with all its versions, or one version, and the files of them.')
    .argument('<name>', 'the data set, by its name or ID')
    .argument('[version]', 'only this one, by its number or ID')
    .action(async (name: string, version: string | undefined, options: CatalogOptions) => {
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

function print({ json }: CatalogOptions, value: unknown, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : text);
}
