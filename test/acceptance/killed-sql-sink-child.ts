import { JdbcConnection } from '../../connectors/sql/jdbc/jdbc-connection.ts';
import { MysqlConnection } from '../../connectors/sql/mysql/mysql-connection.ts';
import { PostgresConnection } from '../../connectors/sql/postgres/postgres-connection.ts';
import type { SqlOutput } from '../../connectors/sql/sql-output.ts';
import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
import { SqliteConnection } from '../../connectors/sql/sqlite/sqlite-connection.ts';
import { type DyingMoment, runUntilKilled, runWholeOutput, SinkPlan, type SinkPlanSize } from '../../src/testing.ts';
import { sqlSink } from './sql-output.ts';

/*
 * Writes a whole output and dies by SIGKILL at its n-th statement that may change something: of two numbers the first is a death before the
 * database hears of it, the second one after it is done, and before the run hears of that. Or it dies at a moment of the run, by name.
 */
const { access, form, size, operation } = JSON.parse(process.argv[2] ?? '') as {
  readonly access: SqlAccess;
  readonly form: Partial<SqlOutput>;
  readonly size: SinkPlanSize;
  readonly operation: number | DyingMoment;
};
const moment = typeof operation === 'string' ? operation : null;
const wanted = typeof operation === 'string' ? -1 : Math.floor(operation / 2);
let seen = 0;

type Method = (...args: unknown[]) => Promise<unknown>;

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
      if (isHere && Number(operation) % 2 === 0) die();
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

const plan = new SinkPlan(size);
if (moment !== null) await runUntilKilled(sqlSink(access, form), plan, moment);
await runWholeOutput(sqlSink(access, form), plan, new AbortController().signal);
