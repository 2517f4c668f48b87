import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** A new database of the shared PostgreSQL server. */
export async function newPostgres(): Promise<TestDatabase> {
  const { jdbcUrl, user, password, ...database } = await postgresDatabase();
  return await opened({ jdbcUrl, user, password, ...NOTHING_MORE }, async () => database[Symbol.asyncDispose]());
}

/** A new SQLite database. */
export async function newSqlite(): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-sqlite-'));
  const jdbcUrl = `jdbc:sqlite:${join(folder, 'test.db')}?create=true`;
  return await opened({ jdbcUrl, user: null, password: null, ...NOTHING_MORE }, async () =>
    rmSync(folder, { recursive: true, force: true }),
  );
}

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
  // Its tables are gone with the last connection but for the delay; the server ends with the run.
  const jdbcUrl = `jdbc:h2:tcp://${host}:${port}/mem:${randomUUID()};DB_CLOSE_DELAY=20${settings}`;
  return await opened({ ...NOTHING_MORE, jdbcUrl, user: 'sa', password: '', jars: [jars] }, async () => undefined);
}

/** A new database of the shared PostgreSQL server, by its own JDBC driver. */
export async function newPostgresByJdbc(): Promise<TestDatabase> {
  const [place, jars] = await Promise.all([postgresDatabase(), jdbcDrivers()]);
  const { jdbcUrl, user, password } = place;
  const access = { ...NOTHING_MORE, jdbcUrl, user, password, jars: [jars] };
  return await opened(access, async () => await place[Symbol.asyncDispose]());
}

async function opened(access: SqlAccess, remove: () => Promise<void>): Promise<TestDatabase> {
  const driver = await sqlDriver(access);
  const connection = await driver.connect(new AbortController().signal);
  return {
    access,
    driver,
    connection,
    async [Symbol.asyncDispose]() {
      await connection.close();
      await remove();
    },
  };
}
