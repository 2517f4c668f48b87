import { readFileSync } from 'node:fs';
import { SluiceError } from '../core/error.ts';
import type { Configuration } from './configuration.ts';
import { databaseAccess } from './description/database-access.ts';
import { jdbcIntake } from './description/sql-fields.ts';
import { validateWritten } from './description/validate.ts';
import type { VariableSources } from './description/variables.ts';
import type { Path } from './description/written-text.ts';
import type { JdbcIntake } from './sql-endpoints.ts';

/** A table or a query as a command line names it, and how its database is reached. */
export interface NamedTable {
  /** Variables of the environment (`${NAME}`) may stand in it, as in all texts here. */
  readonly jdbcUrl?: string | undefined;
  /** An entry of `dataStores` in the configuration, in place of the address. */
  readonly dataStoreId?: string | undefined;
  /** An entry of `credentials` in the configuration. */
  readonly credentialId?: string | undefined;
  readonly user?: string | undefined;
  /** The variable of the environment that has the password: one on the command line would be there for all to see. */
  readonly passwordEnv?: string | undefined;
  readonly jars?: readonly string[] | undefined;
  readonly driverClass?: string | undefined;
  /** `TABLE` or `SCHEMA.TABLE`; a name with a dot in it stands in double quotes. */
  readonly table?: string | undefined;
  readonly catalog?: string | undefined;
  readonly query?: string | undefined;
}

const OPTIONS: Readonly<Record<string, string>> = {
  dataStoreId: '--data-store-id',
  credentialId: '--credential-id',
  credentials: '--user',
  'credentials.password': '--password-env',
  jars: '--jars',
  driverClass: '--driver-class',
  table: '--table',
  catalog: '--catalog',
  query: '--query',
};

/**
 * What a command line names, as the intake of a job would have it, with its data store and its credentials looked up. Throws
 * CONFIG_INVALID by the name of the option, and CONFIG_VARIABLE.
 * @param address what the address is called, for messages.
 */
export function namedTable(
  named: NamedTable,
  address: string,
  configuration: Configuration | undefined,
  env: VariableSources['env'],
): JdbcIntake {
  const { table, user, passwordEnv, jars, ...given } = named;
  const place = (path: Path): string => OPTIONS[path.join('.')] ?? OPTIONS[String(path[0])] ?? address;
  const value = {
    type: 'jdbc',
    ...given,
    ...(jars === undefined ? {} : { jars: [...jars] }),
    ...(table === undefined ? {} : placeOf(table)),
    ...(user === undefined && passwordEnv === undefined ? {} : { credentials: userOf(user, passwordEnv) }),
  };
  const settings = validateWritten(jdbcIntake, { value, place }, { env, readFile: readText });
  return { ...settings, ...databaseAccess(settings, (field) => place([field]), configuration) };
}

const readText = (path: string): string => readFileSync(path, 'utf8');

const TABLE = /^(?:("(?:[^"]|"")+"|[^".]+)\.)?("(?:[^"]|"")+"|[^".]+)$/s;

function placeOf(text: string): { readonly table: string; readonly schema: string | null } {
  const found = TABLE.exec(text);
  if (found === null) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `--table: ${text} cannot be read; give TABLE or SCHEMA.TABLE, a name with a dot in it in double quotes, and a catalog by --catalog.`,
    );
  }
  return { table: plain(found[2]!), schema: found[1] === undefined ? null : plain(found[1]) };
}

function plain(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

function userOf(user: string | undefined, passwordEnv: string | undefined): object {
  if (user === undefined) throw new SluiceError('CONFIG_INVALID', '--password-env: whose password? Name the --user.');
  if (passwordEnv === undefined) return { user };
  if (/^[A-Za-z_]\w*$/.test(passwordEnv)) return { user, password: `\${${passwordEnv}}` };
  // Who mistakes it for the password itself must not find it in a log.
  throw new SluiceError('CONFIG_INVALID', '--password-env takes the name of a variable of the environment.');
}
