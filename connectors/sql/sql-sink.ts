import { type Clock, type Sink, SluiceError, systemClock } from '../../src/sdk.ts';
import { openOutput } from './open-output.ts';
import { checkOutput } from './output-check.ts';
import type { OutputRun } from './output-run.ts';
import type { SqlOutput } from './sql-output.ts';
import type { SqlAccess } from './sql-settings.ts';

export interface SqlSinkOptions {
  readonly access: SqlAccess;
  readonly output: SqlOutput;
  readonly clock?: Clock;
}

/**
 * The sink for a table of a database. Rows, dead letters and the ledger are written in one transaction; a connection that is lost, or a
 * deadlock, makes it do the transaction again, after a look at the ledger: what was done is not done twice.
 */
export function createSqlSink({ access, output, clock = systemClock }: SqlSinkOptions): Sink {
  let run: OutputRun | null = null;
  const opened = (): OutputRun => {
    if (run !== null) return run;
    throw new SluiceError('CONTRACT_BROKEN', 'the output is used before it was opened, or after it was closed');
  };
  const close = async (): Promise<void> => {
    const ending = run;
    run = null;
    await ending?.close();
  };
  return {
    guarantee: 'exactly-once',
    open: async (job, signal) => {
      run = await openOutput(access, output, job, clock, signal);
      return run.durable;
    },
    // Copies the rows before it waits for anything.
    write: async (batch, schema, signal) => opened().write(batch, schema, signal),
    commit: async (signal) => opened().commit(signal),
    publish: async (facts, schema, signal) => opened().publish(facts, schema, signal),
    check: (signal) => checkOutput(access, output, signal),
    discard: async () => run?.discard(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
