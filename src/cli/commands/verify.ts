import { Command } from 'commander';
import type { TableReport } from '../../../connectors/sql/verify/verify-table.ts';
import { SluiceError } from '../../core/error.ts';
import type { Tally } from '../../core/scored-batch.ts';
import { loadConfiguration } from '../../jobs/configuration.ts';
import type { StoreAccess } from '../../jobs/named-store.ts';
import { verifyNamedOutput } from '../../jobs/verify-named-output.ts';
import { verifyNamedTable } from '../../jobs/verify-named-table.ts';
import {
  type DatabaseOptions,
  givenDatabaseOptions,
  namedByOptions,
  withDatabaseOptions,
} from '../database-options.ts';
import { count } from '../progress-text.ts';
import { endpointOption, regionOption } from '../store-options.ts';

interface Options extends StoreAccess, DatabaseOptions {
  readonly stateSchema?: string;
  readonly config?: string;
}

/** `sluice verify OUT`. */
export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('Checks a finished output against its manifest: size, checksum, columns, rows, dead letters.')
    .argument('[output]', 'the output of a run: a file, an s3:// address, or a jdbc: address with --table')
    .option(...endpointOption)
    .option(...regionOption);
  return withDatabaseOptions(command)
    .option('--state-schema <name>', 'schema of sluice_ledger, if not that of the table')
    .option('--config <file>', 'configuration with dataStores and credentials')
    .addHelpText(
      'after',
      `
A table is checked against the manifests of all runs into it that sluice_ledger has. Its rows are counted, by the job's runColumn where it has
one, and the checksum of its dead letters is computed anew. What its rows hold is not checked: a table has no checksum, and others
may change it. Nothing is written.

Examples:
  sluice verify scored.csv
  sluice verify s3://bucket/scored.csv --region eu-west-1
  sluice verify jdbc:sqlite:flights.db --table flights_scored
  sluice verify jdbc:postgresql://db:5432/sales --table public.flights_scored --user me --password-env DB_PASSWORD
  sluice verify --data-store-id warehouse --table public.flights_scored --config sluice.yaml

Exit codes: 0 the output is whole, 1 its database does not let it be looked at, 2 bad arguments, 3 the output is not whole.`,
    )
    .action(async (output: string | undefined, options: Options) => {
      if (output?.startsWith('jdbc:') === true || options.dataStoreId !== undefined) await verifyTable(output, options);
      else await verifyObjects(output, options);
    });
}

async function verifyObjects(output: string | undefined, options: Options): Promise<void> {
  if (output === undefined)
    throw new SluiceError(
      'CONFIG_INVALID',
      'Which output? Give a file, an address, or a data store (--data-store-id).',
    );
  const [wrong] = [...givenDatabaseOptions(options), ...(options.stateSchema === undefined ? [] : ['--state-schema'])];
  if (wrong !== undefined)
    throw new SluiceError('CONFIG_INVALID', `${wrong} is for databases: give a jdbc: address, or --data-store-id.`);
  const { endpointUrl = null, region = null } = options;
  const { problems, manifest } = await verifyNamedOutput(output, { endpointUrl, region });
  if (problems.length > 0 || manifest === null) throw notWhole(problems);
  const { tally, model } = manifest;
  process.stdout.write(`${wholeText(output, tally, model === null ? [] : [model.id])}\n`);
}

async function verifyTable(jdbcUrl: string | undefined, options: Options): Promise<void> {
  const { table, stateSchema, config } = options;
  if (table === undefined)
    throw new SluiceError('CONFIG_INVALID', 'Which table of the database? Name it by --table [SCHEMA.]TABLE.');
  const configuration = config === undefined ? undefined : loadConfiguration(config);
  const named = { ...namedByOptions(jdbcUrl, options), table, stateSchema };
  const report = await verifyNamedTable(named, configuration, process.env);
  if (report.problems.length > 0) throw notWhole(report.problems);
  process.stdout.write(tableText(report));
}

function notWhole(problems: readonly string[]): SluiceError {
  return new SluiceError('VERIFY_FAILED', problems.join('\n  '));
}

function wholeText(output: string, { scored, failed, skipped }: Tally, models: readonly string[]): string {
  const by = models.length === 0 ? '' : `, model ${models.join(', ')}`;
  return `${output}: whole. ${count(scored)} rows scored, ${count(failed)} failed, ${count(skipped)} skipped${by}`;
}

function tableText({ name, tally, models, runs, checked, unchecked }: TableReport): string {
  const lines = [
    `${wholeText(name, tally, models)}, in ${count(runs)} ${runs === 1 ? 'run' : 'runs'}`,
    ...checked.map((what) => `  checked: ${what}`),
    ...unchecked.map((what) => `  not checked: ${what}`),
  ];
  return `${lines.join('\n')}\n`;
}
