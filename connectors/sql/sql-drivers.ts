import { SluiceError } from '../../src/sdk.ts';
import type { SqlDriver } from './driver.ts';
import { type JdbcUrl, parseJdbcUrl } from './jdbc-url.ts';
import type { SqlAccess } from './sql-settings.ts';

type MakeDriver = (url: JdbcUrl, access: SqlAccess) => SqlDriver;

const mysql = async (): Promise<MakeDriver> => (await import('./mysql/mysql-driver.ts')).createMysqlDriver;

/** Drivers of our own by the product in the address. Loaded when they are used: a job needs one of them at the most. */
const own: Readonly<Record<string, () => Promise<MakeDriver>>> = {
  postgresql: async () => (await import('./postgres/postgres-driver.ts')).createPostgresDriver,
  mysql,
  mariadb: mysql,
  sqlite: async () => (await import('./sqlite/sqlite-driver.ts')).createSqliteDriver,
};

/** The products whose sockets ask the guard of connections, where there is one. */
const guardable: ReadonlySet<string> = new Set(['postgresql', 'mysql', 'mariadb']);
/** Settings of an address that name files of this machine. */
const NAMES_A_FILE: ReadonlySet<string> = new Set(['sslrootcert', 'sslcert', 'sslkey', 'serversslcert', 'sslca']);

/**
 * The driver for an address: one of our own, or (where JAR files are given) the JDBC driver in them. Throws CONFIG_INVALID for an address that
 * cannot be read, or that has no driver.
 */
export async function sqlDriver(access: SqlAccess): Promise<SqlDriver> {
  const url = parseJdbcUrl(access.jdbcUrl);
  if (access.guard !== undefined) assertGuardable(url, access);
  if (access.jars.length > 0) return (await import('./jdbc/jdbc-driver.ts')).createJdbcDriver(url, access);
  const make = own[url.product];
  if (make === undefined) throw noDriver(url);
  return (await make())(url, access);
}

/** An address from afar may name no files of this machine, and no connection that the guard does not see. Throws TARGET_REFUSED. */
export function assertGuardable(
  { product, parameters }: JdbcUrl,
  { jars, driverClass }: Pick<SqlAccess, 'jars' | 'driverClass'>,
): void {
  const files = [...parameters.keys()].filter((name) => NAMES_A_FILE.has(name));
  if (jars.length === 0 && driverClass === null && guardable.has(product) && files.length === 0) return;
  const what = files.length > 0 ? `has ${files.join(', ')}` : `is one of ${product}`;
  throw new SluiceError(
    'TARGET_REFUSED',
    `jdbcUrl ${what}: jobs of this server may name databases of ${[...guardable].join(', ')} by their host, and no files of the server. Whoever runs it can add the database to dataStores of its configuration.`,
  );
}

function noDriver({ product }: JdbcUrl): SluiceError {
  return new SluiceError(
    'CONFIG_INVALID',
    `jdbcUrl: ${product} has no driver here, as ${Object.keys(own).join(', ')} have. Give its JDBC driver by jars: its JAR files, or the folder that they lie in.`,
  );
}
