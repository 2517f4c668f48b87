import { type Clock, type Sink, systemClock } from '../../src/sdk.ts';
import { OutputWriter } from './output-writer.ts';
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
  const writer = new OutputWriter(access, output, clock);
  return {
    guarantee: 'exactly-once',
    open: (job, signal) => writer.open(job, signal),
    write: (batch, schema, signal) => writer.write(batch, schema, signal),
    commit: (signal) => writer.commit(signal),
    publish: (facts, schema, signal) => writer.publish(facts, schema, signal),
    check: (signal) => writer.check(signal),
    discard: () => writer.discard(),
    close: () => writer.close(),
    [Symbol.asyncDispose]: () => writer.close(),
  };
}
