import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SqlDriver } from '../driver.ts';
import type { JdbcUrl } from '../jdbc-url.ts';
import { SqlFault } from '../sql-fault.ts';
import type { SqlAccess } from '../sql-settings.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { sqliteFault } from './sqlite-fault.ts';

/** How long to wait for somebody else's transaction, unless `busy_timeout` in the address says so. */
const BUSY_MS = 10_000;

/**
 * SQLite, by Node's own library. The address is that of a file: `jdbc:sqlite:scores.db`; `create=true` in it lets a new one be made, in the
 * journal mode in which readers and a writer do not block each other; `journal_mode=wal` gives that mode to one that is there.
 */
export function createSqliteDriver(url: JdbcUrl, { readsOnly }: Pick<SqlAccess, 'readsOnly'>): SqlDriver {
  const path = (url.database ?? '').replace(/^~(?=\/)/, homedir());
  const file = path.startsWith('/') ? path : join(process.cwd(), path);
  const busyMs = Number(url.parameters.get('busy_timeout') ?? BUSY_MS);
  return {
    product: 'SQLite',
    place: url.place,
    dialect: sqliteDialect,
    async connect(signal) {
      signal.throwIfAborted();
      const isNew = !existsSync(file);
      if (isNew && (readsOnly === true || url.parameters.get('create') !== 'true')) {
        const advice = readsOnly === true ? '' : '; add ?create=true to the address to have it made';
        throw new SqlFault('missing', `there is no file ${path}${advice}`, { what: 'database' });
      }
      try {
        const database = new DatabaseSync(file, { timeout: busyMs });
        try {
          // Opening reads nothing: a file that is no database shows here.
          database.prepare('SELECT count(*) FROM sqlite_schema').get();
          const journal = url.parameters.get('journal_mode') ?? (isNew ? 'wal' : null);
          if (readsOnly !== true && journal !== null && /^[a-z]+$/i.test(journal))
            database.exec(`PRAGMA journal_mode = ${journal}`);
        } catch (error) {
          database.close();
          throw error;
        }
        return new SqliteConnection(database, busyMs);
      } catch (error) {
        throw sqliteFault(error);
      }
    },
  };
}
