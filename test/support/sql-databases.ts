import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqlConnection, SqlDriver } from '../../connectors/sql/driver.ts';
import { sqlDriver } from '../../connectors/sql/sql-drivers.ts';
import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
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
