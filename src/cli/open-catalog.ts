import type { Command } from 'commander';
import { CatalogIndex } from '../../connectors/catalog/catalog-index.ts';
import { systemClock } from '../core/clock.ts';
import { catalogPlace } from '../jobs/catalog/catalog-place.ts';
import { StoredVersions } from '../jobs/catalog/version-files.ts';
import { type Configuration, loadConfiguration } from '../jobs/configuration.ts';

/** The options of every command of the catalog. */
export interface CatalogOptions {
  readonly config?: string;
  readonly json: boolean;
}

/** Adds them to a command. */
export function withCatalogOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration with stateFolder, credentials, dataStores and catalog')
    .option('--json', 'print JSON', false);
}

/** The configuration that the options name. Throws what `loadConfiguration` throws. */
export function configurationOf({ config }: Pick<CatalogOptions, 'config'>): Configuration | undefined {
  return config === undefined ? undefined : loadConfiguration(config);
}

/** Does work in the registry, and closes it. */
export async function inCatalog(
  configuration: Configuration | undefined,
  work: (index: CatalogIndex, files: StoredVersions) => Promise<void>,
): Promise<void> {
  const place = catalogPlace(configuration, process.env);
  using index = await CatalogIndex.open(place.folder);
  await using files = new StoredVersions(place, systemClock);
  await work(index, files);
}
