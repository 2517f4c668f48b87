import type { Clock, JobIdentity } from '../../src/sdk.ts';
import { beginOutput } from './output-beginning.ts';
import { findOutput } from './output-place.ts';
import { OutputRun } from './output-run.ts';
import { OutputSession } from './output-session.ts';
import { sqlDriver } from './sql-drivers.ts';
import { type SqlOutput, tableOf } from './sql-output.ts';
import type { SqlAccess } from './sql-settings.ts';
import { StateTables } from './state-tables.ts';

/** Connects, takes the lock of an output, and begins a run into it. */
export async function openOutput(
  access: SqlAccess,
  output: SqlOutput,
  job: JobIdentity,
  clock: Clock,
  signal: AbortSignal,
): Promise<OutputRun> {
  const driver = await sqlDriver(access);
  const { dialect } = driver;
  let lockName: string | null = null;
  let run: OutputRun | null = null;
  const session = new OutputSession(driver, access.connectMs, clock, {
    lockName: async (connection, until) => {
      lockName ??= `the table ${(await findOutput(connection, output, until)).key}`;
      return lockName;
    },
    onConnected: async (connection, until) => run?.reconnected(connection, until),
    onUndone: () => run?.undone(),
  });
  try {
    return await session.insist(
      `opening ${tableOf(output)}`,
      async (connection) => {
        // Again: whoever had the lock before may have made the table.
        const place = await findOutput(connection, output, signal);
        const state = new StateTables(dialect, place.state, place.key);
        await state.ensure(connection, signal);
        const taken = { output, dialect, place, state };
        run = new OutputRun(taken, session, await beginOutput(taken, job, session, clock, connection, signal));
        return run;
      },
      signal,
    );
  } catch (error) {
    await session.close();
    throw error;
  }
}
