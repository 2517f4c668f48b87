import { finishedOutput } from '../../../connectors/sql/finished-output.ts';
import type { SqlOutput } from '../../../connectors/sql/sql-output.ts';
import { createSqlSink } from '../../../connectors/sql/sql-sink.ts';
import type { Clock } from '../../core/clock.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { type JdbcOutput, sqlAccess, sqlOutput } from '../sql-endpoints.ts';
import type { LiveParts } from './live-parts.ts';

/**
 * The parts of a live topic as rows of one table: each has a ledger of its own in `sluice_ledger`, by the partition and the offset that it
 * begins at. Two processes on one part keep off each other by the database's locks.
 */
export function sqlParts(job: JobDescription, output: JdbcOutput, clock: Clock): LiveParts {
  const access = sqlAccess(output);
  const partOf = (split: string, from: number): SqlOutput =>
    sqlOutput(job, output, { overwrite: false, part: `${split}@${from}` });
  return {
    openPart: (split, from) => createSqlSink({ access, output: partOf(split, from), clock }),
    async publishedJob(split, from, signal) {
      return (await finishedOutput(access, partOf(split, from), signal))?.job ?? null;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
