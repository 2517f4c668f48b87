import { PassThrough, Writable } from 'node:stream';
import { findSluiceError } from '../../src/core/error.ts';
import { type JobInput, type JobRun, runJob } from '../../src/index.ts';
import type { PredictionServer } from './prediction-server.ts';

/** A run from standard input to standard output, with streams in their place. */
export function startStandardRun(
  server: PredictionServer,
  streams: { readonly input: PassThrough; readonly output: Writable },
  more: Partial<JobInput> = {},
): JobRun {
  return runJob(
    {
      deployment: { id: 'd', server: server.url },
      intakeSettings: { file: '-' },
      outputSettings: { path: '-' },
      numConcurrent: 1,
      chunkRows: 10,
      lingerMs: 5,
      ...more,
    },
    { streams },
  );
}

/** How a run failed: its code and message. */
export async function failureOf(run: JobRun): Promise<string> {
  const error = await run.result.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  const known = findSluiceError(error);
  return known === undefined ? `not ours: ${String(error)}` : `${known.code}: ${known.message}`;
}

/** An output whose writes fail in this way once it has taken so many chunks. */
export function brokenOutput(code: string, after: number): Writable {
  let taken = 0;
  return new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => {
      taken += 1;
      // As a pipe does: later, when the writer waits for it to drain.
      setImmediate(() =>
        done(taken > after ? Object.assign(new Error(`write ${code}`), { code, syscall: 'write' }) : null),
      );
    },
  });
}
