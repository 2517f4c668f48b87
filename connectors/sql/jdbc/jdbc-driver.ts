import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../../../src/sdk.ts';
import { SharedBridge } from '../bridge/shared-bridge.ts';
import type { SqlConnection, SqlDriver } from '../driver.ts';
import type { JdbcUrl } from '../jdbc-url.ts';
import { MYSQL_LOCK } from '../mysql/mysql-lock.ts';
import type { SqlAccess } from '../sql-settings.ts';
import { JdbcConnection } from './jdbc-connection.ts';
import { jdbcDialect } from './jdbc-dialect.ts';
import { jdbcFault, type Unsaid } from './jdbc-fault.ts';
import { type JdbcLock, LOCK_TABLE, namedLock, rowLock } from './jdbc-lock.ts';

/** The isolation whose reads see one state without keeping writers out, of the databases that are known to have one. */
const SNAPSHOT_LEVELS: Readonly<Record<string, string>> = {
  h2: 'repeatable read',
  oracle: 'serializable',
  postgresql: 'repeatable read',
  mysql: 'repeatable read',
  mariadb: 'repeatable read',
  hsqldb: 'serializable',
};

/** What makes drivers send many rows at once. */
const PROPERTIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  postgresql: { reWriteBatchedInserts: 'true' },
  mysql: { rewriteBatchedStatements: 'true', useCursorFetch: 'true' },
  mariadb: { useBulkStmts: 'true' },
};

/** Settings of an address that no message may show. */
const SECRET = /password|passphrase|secret|token|pwd|private_?key|credential/i;

const NAMES: Readonly<Record<string, string>> = {
  h2: 'H2',
  oracle: 'Oracle',
  sqlserver: 'SQL Server',
  snowflake: 'Snowflake',
  postgresql: 'PostgreSQL',
  mysql: 'MySQL',
  mariadb: 'MariaDB',
  db2: 'Db2',
};

/** A database by its JDBC driver, in a Java process of our own. */
export function createJdbcDriver(url: JdbcUrl, access: SqlAccess): SqlDriver {
  const { product } = url;
  const dialect = jdbcDialect(product);
  const bridge = SharedBridge.of(access.jars.map(classPath));
  const password = access.password ?? url.password;
  const secrets = [
    password ?? '',
    ...[...url.parameters].filter(([name]) => SECRET.test(name)).map(([, value]) => value),
  ];
  const unsaid: Unsaid = { product, place: url.place, url: url.url, secrets };
  const connect = async (signal: AbortSignal): Promise<SqlConnection> => {
    const { session, left } = await bridge.session(signal);
    try {
      const { said } = await session.ask(
        'open',
        {
          url: url.url,
          user: access.user ?? url.user,
          password,
          driverClass: access.driverClass,
          properties: PROPERTIES[product] ?? {},
          loginSeconds: Math.max(1, Math.ceil(access.connectMs / 1000)),
        },
        signal,
      );
      const about = said as unknown as {
        readonly transactions: boolean;
        readonly catalog: string | null;
        readonly schema: string | null;
      };
      if (!about.transactions)
        throw new SluiceError(
          'CONFIG_INVALID',
          `jdbcUrl: ${product} at ${url.place} has no transactions, so nothing could be written to it once, and only once.`,
        );
      const { fetchSize } = access;
      const snapshotLevel = SNAPSHOT_LEVELS[product] ?? null;
      return new JdbcConnection({ session, dialect, unsaid, fetchSize, snapshotLevel, about, lock: lock(), left });
    } catch (error) {
      await session.close();
      await left();
      throw signal.aborted ? signal.reason : jdbcFault(error, unsaid);
    }
  };
  const lock = (): JdbcLock => lockOf(product, connect, dialect.keyText(64), dialect.quote(LOCK_TABLE));
  return { product: NAMES[product] ?? product, place: url.place, dialect, connect };
}

/** Where there is a driver of our own, too, the lock is the same one. */
function lockOf(
  product: string,
  connect: (signal: AbortSignal) => Promise<SqlConnection>,
  keyText: string,
  table: string,
): JdbcLock {
  if (product === 'postgresql')
    return namedLock({
      take: 'SELECT pg_try_advisory_lock(CAST(? AS bigint))',
      release: 'SELECT pg_advisory_unlock(CAST(? AS bigint))',
      parameter: (name) => String(createHash('sha256').update(name).digest().readBigInt64BE(0)),
    });
  if (product === 'mysql' || product === 'mariadb')
    return namedLock({
      take: `select get_lock(${MYSQL_LOCK}, 0)`,
      release: `select release_lock(${MYSQL_LOCK})`,
      parameter: (name) => createHash('sha256').update(name).digest('hex'),
    });
  return rowLock(connect, {
    table,
    keyText,
    change: (connection, sql, id, signal) => (connection as JdbcConnection).executeWithin(1, sql, [id], signal),
  });
}

/** A JAR file, or all that lie in a folder. */
function classPath(jar: string): string {
  const found = statSync(jar, { throwIfNoEntry: false });
  if (found === undefined && !jar.endsWith('*'))
    throw new SluiceError(
      'CONFIG_INVALID',
      `jars: there is no ${jar}. Put the JDBC driver's JAR file there, or correct the path.`,
    );
  return found?.isDirectory() === true ? join(jar, '*') : jar;
}
