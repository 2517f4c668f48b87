import { makeJobTables } from '../../src/jobs/queue/store/job-tables.ts';
import { StoreSession } from '../../src/jobs/queue/store/store-session.ts';
import type { TestDatabase } from './sql-databases.ts';

const sessions = new WeakMap<TestDatabase, StoreSession>();

/** A database of a test's own as the store of a server, with its tables. Closed before the database is. */
export async function serverStore(database: TestDatabase): Promise<StoreSession> {
  const known = sessions.get(database);
  if (known !== undefined) return known;
  const session = await StoreSession.open({ access: database.access });
  await makeJobTables(session);
  sessions.set(database, session);
  return session;
}

export async function closeServerStore(database: TestDatabase): Promise<void> {
  await sessions.get(database)?.close();
  await database[Symbol.asyncDispose]();
}
