import { ROWS_UNDER_WAY } from '../../codecs/partitions/partitioned-sink.ts';
import type { Clock } from '../../core/clock.ts';
import { findSluiceError } from '../../core/error.ts';
import type { JobIdentity, Ledger } from '../../core/ledger.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { isPartitioned } from '../partitioned-output.ts';
import { openS3Sink, openS3Store } from '../s3-endpoints.ts';

/** A writer that was killed elsewhere holds its output for some seconds more. */
const LOCKED_MS = 1_000;
const PATIENCE_MS = 60_000;

/**
 * Removes what a job that will not be continued has of an unfinished output in S3: parts of uploads cost money for as long as they are there. What
 * is another job's, or finished, stays. Rejects with what the store says.
 * @param name the job's, as its run has it.
 */
export async function discardUnfinished(
  job: JobDescription,
  name: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const { outputSettings: output } = job;
  if (output.type !== 's3') return;
  const until = clock.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await discard(job, output, name, clock, signal);
    } catch (error) {
      const code = findSluiceError(error)?.code;
      // What stands there is finished.
      if (code === 'OUTPUT_EXISTS') return;
      if (code !== 'OUTPUT_LOCKED' || clock.now() >= until) throw error;
      await clock.sleep(LOCKED_MS, signal);
    }
  }
}

type S3Output = Extract<JobDescription['outputSettings'], { readonly type: 's3' }>;

async function discard(
  job: JobDescription,
  output: S3Output,
  name: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const writer = await writerOf(job, output, clock, signal);
  const isNobodys = writer === null;
  if (isNobodys ? !isPartitioned(output) : writer['name'] !== name) return;
  await using sink = openS3Sink(job, output, { clock, overwrite: false });
  // Of a folder more may be there than its rows.
  await sink.open(writer ?? { name }, signal);
  await sink.discard();
}

/** Whose the unfinished output is; null where nothing of it counts: that is removed here. */
async function writerOf(
  job: JobDescription,
  output: S3Output,
  clock: Clock,
  signal: AbortSignal,
): Promise<JobIdentity | null> {
  const isFolder = isPartitioned(output);
  await using store = openS3Store(output, isFolder ? null : job.deadLetters.path, clock);
  const key = isFolder ? `${output.url}${ROWS_UNDER_WAY}` : output.url;
  await using staged = await store.stage(key, { overwrite: false }, signal);
  return staged.found === null ? null : (staged.found.note as unknown as Ledger).job;
}
