import { randomUUID } from 'node:crypto';
import type { SqlConnection, SqlDriver } from '../../connectors/sql/driver.ts';
import { sqlDriver } from '../../connectors/sql/sql-drivers.ts';
import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
import { h2Server } from './services/h2.ts';
import { jdbcDrivers } from './services/jdbc-drivers.ts';
import { mariaDbDatabase } from './services/mariadb.ts';
import { postgresDatabase } from './services/postgres.ts';

/** A database of a test's own, empty, and a connection to look at it. */
export interface TestDatabase extends AsyncDisposable {
  readonly access: SqlAccess;
  readonly driver: SqlDriver;
  readonly connection: SqlConnection;
}

const NOTHING_MORE = { connectMs: 5000, fetchSize: null, jars: [], driverClass: null };

/** A new database of the shared MariaDB server. @param parameters of the address, with their `?`. */
export async function newMariaDb(parameters = ''): Promise<TestDatabase> {
  const place = await mariaDbDatabase();
  const { host, port, database, user, password } = place;
  const jdbcUrl = `jdbc:mariadb://${host}:${port}/${database}${parameters}`;
  return await opened({ ...NOTHING_MORE, jdbcUrl, user, password }, async () => await place[Symbol.asyncDispose]());
}

/** A new database in the memory of the shared H2 server, by its JDBC driver. @param settings of the address, each with its `;`. */
export async function newH2(settings = ';CASE_INSENSITIVE_IDENTIFIERS=TRUE'): Promise<TestDatabase> {
  const [{ host, port }, jars] = await Promise.all([h2Server(), jdbcDrivers()]);
  const jdbcUrl = `jdbc:h2:tcp://${host}:${port}/mem:${randomUUID()};DB_CLOSE_DELAY=-1${settings}`;
  const access = { ...NOTHING_MORE, jdbcUrl, user: 'sa', password: '', jars: [jars] };
  return await opened(access, async (connection) => {
    await connection.execute('SHUTDOWN IMMEDIATELY', [], new AbortController().signal).catch(() => undefined);
  });
}

/** A new database of the shared PostgreSQL server, by its own JDBC driver. */
export async function newPostgresByJdbc(): Promise<TestDatabase> {
  const [{ jdbcUrl, user, password, ...place }, jars] = await Promise.all([postgresDatabase(), jdbcDrivers()]);
  return await opened(
    { ...NOTHING_MORE, jdbcUrl, user, password, jars: [jars] },
    async () => await place[Symbol.asyncDispose](),
  );
}

async function opened(access: SqlAccess, remove: (connection: SqlConnection) => Promise<void>): Promise<TestDatabase> {
  const driver = await sqlDriver(access);
  const connection = await driver.connect(new AbortController().signal);
  return {
    access,
    driver,
    connection,
    async [Symbol.asyncDispose]() {
      await remove(connection);
      await connection.close();
    },
  };
}
