import { runJob } from 'sluice';

/** Runs a whole job and tells how it goes; returns how many rows were scored. */
export async function scoreFile(server: string, file: string, path: string): Promise<number> {
  const run = runJob({
    deployment: { id: 'flights', server },
    intakeSettings: { type: 'localFile', file },
    outputSettings: { type: 'localFile', path },
    passthroughColumns: ['flight_id'],
  });
  for await (const { tally, rowsPerSecond } of run) {
    console.error(`${tally.read} rows, ${Math.round(rowsPerSecond)} a second`);
  }
  const { manifest } = await run.result;
  return manifest.tally.scored;
}
