import type { ServerStore } from '../../src/server/security/server-store.ts';
import type { TestDatabase } from './sql-databases.ts';

/** A database of a test's own as the store of a server. */
export function serverStore({ driver, connection }: TestDatabase): ServerStore {
  const { signal } = new AbortController();
  return {
    dialect: driver.dialect,
    use: (work) =>
      work({
        execute: (sql, parameters = []) => connection.execute(sql, parameters, signal),
        query: (sql, parameters = []) => connection.query(sql, parameters, signal),
      }),
  };
}
