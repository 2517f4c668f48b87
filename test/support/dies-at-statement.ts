import { JdbcConnection } from '../../connectors/sql/jdbc/jdbc-connection.ts';
import { MysqlConnection } from '../../connectors/sql/mysql/mysql-connection.ts';
import { PostgresConnection } from '../../connectors/sql/postgres/postgres-connection.ts';
import { SqliteConnection } from '../../connectors/sql/sqlite/sqlite-connection.ts';
import { keepCompiled } from './compiled-child.ts';

type Method = (...args: unknown[]) => Promise<unknown>;

/**
 * From here on this process dies by SIGKILL at its n-th statement that may change something in a database: of two numbers the first is a death
 * before the database hears of it, the second one after it is done, and before the run hears of that.
 */
export function dieAtStatement(operation: number): void {
  keepCompiled();
  const wanted = Math.floor(operation / 2);
  let seen = 0;

  function die(): never {
    process.kill(process.pid, 'SIGKILL');
    // The signal is delivered before this call returns to the program.
    throw new Error('still alive');
  }

  for (const { prototype } of [PostgresConnection, SqliteConnection, MysqlConnection, JdbcConnection]) {
    const methods = prototype as unknown as Record<string, Method>;
    let depth = 0;
    for (const name of ['execute', 'commit', 'load', 'tryLock']) {
      const original = methods[name]!;
      methods[name] = async function (this: unknown, ...args: unknown[]) {
        // A commit may be made of a statement: that is one change, not two.
        const isHere = depth === 0 && seen === wanted;
        if (depth === 0) seen += 1;
        if (isHere && operation % 2 === 0) die();
        depth += 1;
        try {
          return await original.apply(this, args);
        } finally {
          depth -= 1;
          if (isHere) die();
        }
      };
    }
  }
}
