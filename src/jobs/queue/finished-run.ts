import { createFileStore } from '../../../connectors/file/file-store.ts';
import { finishedOutput } from '../../../connectors/sql/finished-output.ts';
import { readManifest } from '../../codecs/objects/read-manifest.ts';
import type { Clock } from '../../core/clock.ts';
import type { Manifest } from '../../core/ledger.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { openS3Store } from '../s3-endpoints.ts';
import { sqlAccess, sqlOutput } from '../sql-endpoints.ts';

/**
 * The manifest of an output that this very job has published, where it was killed before it could say so. Null: what stands there is
 * somebody else's.
 * @param name the job's, as its run has it.
 */
export async function finishedRun(
  job: JobDescription,
  name: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Manifest | null> {
  const manifest = await outputManifest(job, clock, signal).catch(() => null);
  return manifest?.job['name'] === name ? manifest : null;
}

/** The manifest of a finished output; null for one that has none that can be read. Throws what the store or database says. */
export async function outputManifest(job: JobDescription, clock: Clock, signal: AbortSignal): Promise<Manifest | null> {
  const { outputSettings: output } = job;
  if (output.type === 'jdbc')
    return await finishedOutput(sqlAccess(output), sqlOutput(job, output, { overwrite: false, part: null }), signal);
  if (output.type === 's3') {
    await using store = openS3Store(output, null, clock);
    return await readManifest(store, `${output.url}.manifest.json`, signal);
  }
  const path = output.type === 'localFile' ? output.path : output.type === 'http' ? output.spool : null;
  if (path === null) return null;
  await using store = createFileStore();
  return await readManifest(store, `${path}.manifest.json`, signal);
}
