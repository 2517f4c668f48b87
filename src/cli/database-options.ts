import type { Command } from 'commander';
import type { NamedTable } from '../jobs/named-table.ts';

/** What `withDatabaseOptions` adds, by the names of the commander. */
export type DatabaseOptions = Omit<NamedTable, 'jdbcUrl' | 'query'>;

type QueryOptions = DatabaseOptions & Pick<NamedTable, 'query'>;

/** Adds the options of commands that take a table of a database, by a jdbc: address or by a data store of the configuration. */
export function withDatabaseOptions(command: Command): Command {
  return command
    .option('--table <name>', 'for jdbc: addresses and data stores: TABLE or SCHEMA.TABLE')
    .option('--catalog <name>', 'of the table, in databases that have several')
    .option('--data-store-id <id>', 'a data store of the configuration, in place of an address')
    .option('--credential-id <id>', 'credentials of the configuration, for databases and s3://')
    .option('--user <name>', 'user of the database')
    .option('--password-env <variable>', 'variable of the environment that has the password of --user')
    .option('--jars <path>', 'JDBC driver (JAR file, or a folder of them); may be given again', collected)
    .option('--driver-class <name>', "the JDBC driver's class, where it does not announce itself");
}

/** Those of the options that are about a database alone and were given, as they are written: `--table`. */
export function givenDatabaseOptions(options: QueryOptions): readonly string[] {
  const { dataStoreId, user, passwordEnv, jars, driverClass, table, catalog, query } = options;
  const given = {
    '--data-store-id': dataStoreId,
    '--user': user,
    '--password-env': passwordEnv,
    '--jars': jars,
    '--driver-class': driverClass,
    '--table': table,
    '--catalog': catalog,
    '--query': query,
  };
  return Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}

/** What of a command's options names a table or a query. @param jdbcUrl its argument. */
export function namedByOptions(
  jdbcUrl: string | undefined,
  { dataStoreId, credentialId, user, passwordEnv, jars, driverClass, table, catalog, query }: QueryOptions,
): NamedTable {
  const named = { jdbcUrl, dataStoreId, credentialId, user, passwordEnv, jars, driverClass, table, catalog, query };
  // The schema of an intake knows null, and nothing that is not there.
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

function collected(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
