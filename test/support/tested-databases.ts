import { afterAll, beforeAll, describe } from 'vitest';
import { needs } from './services/needs.ts';
import { newH2, newMariaDb, newPostgres, newSqlite, type TestDatabase } from './sql-databases.ts';

/** The databases that tables are written to and read from; each with what its tests are registered by. */
export const testedDatabases = [
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres },
  { name: 'SQLite', group: describe, make: newSqlite },
  { name: 'MariaDB', group: needs('mariadb'), make: () => newMariaDb() },
  { name: 'H2 by JDBC', group: needs('jdbc'), make: () => newH2() },
] as const;

/** Java is started once for all tests of a group: for as long as somebody is connected. */
export function heldOpen(make: () => Promise<TestDatabase>): void {
  let held: TestDatabase;
  beforeAll(async () => {
    held = await make();
  });
  afterAll(() => held?.[Symbol.asyncDispose]());
}
