import { runJob } from 'sluice';
import { createSqliteSource } from './sqlite-source.ts';

/** Scores a table into a file; returns how many rows were scored. */
export async function scoreTable(server: string, file: string, table: string, path: string): Promise<number> {
  const run = runJob(
    {
      deployment: { id: 'flights', server },
      outputSettings: { path },
      passthroughColumns: ['flight_id'],
    },
    { source: createSqliteSource(file, table) },
  );
  return (await run.result).manifest.tally.scored;
}
