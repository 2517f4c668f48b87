import { SluiceError } from '../../core/error.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { isLive } from '../kafka/open-topics.ts';
import { isPartitioned } from '../partitioned-output.ts';
import { sqlAccess, sqlOutput } from '../sql-endpoints.ts';
import { withExplainingRows } from './as-it-ran.ts';
import { eachByItself } from './each-by-itself.ts';
import { openLetterBoxes, replayedFolder, replayedObjects } from './letter-boxes.ts';
import { replayFolder } from './replay-folder.ts';
import { replayObject } from './replay-object.ts';
import { letterKey, type ReplayOptions } from './replay-options.ts';
import type { ReplayReport } from './replay-report.ts';
import { replayTable } from './replay-table.ts';
import { replayTopic } from './replay-topic.ts';

/**
 * Scores the dead letters of a job's finished output again, and completes that output with them, exactly once: whatever dies on the way, the
 * next replay does what is left, and one without anything left changes nothing. Throws CONFIG_INVALID for outputs that cannot be completed.
 */
export async function replayJob(
  given: JobDescription,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<readonly ReplayReport[]> {
  const { outputSettings: output } = given;
  await assertMendedKnown(given, options, signal);
  const explaining = await withExplainingRows(given, options.clock, signal);
  // Rows of live topics are in no log of predictions.
  const job = isLive(given) ? { ...explaining, predictionLog: null } : explaining;
  if (output.type === 'kafka') return [await replayTopic(job, output, options, signal)];
  if (output.type === 'jdbc') {
    const table = { access: sqlAccess(output), output: sqlOutput(job, output, { overwrite: false, part: null }) };
    return await replayTable(job, table, options, signal);
  }
  if (isPartitioned(output)) {
    const folder = replayedFolder(job, options.clock);
    await using _ = folder.store;
    return [await replayFolder(job, folder, options, signal)];
  }
  const { store, objects } = await replayedObjects(job, options.clock, signal);
  await using _ = store;
  const reports: ReplayReport[] = [];
  await eachByItself(objects, async (object) => void reports.push(await replayObject(job, object, options, signal)));
  return reports;
}

/** Throws CONFIG_INVALID when a row was mended that is no dead letter (any more): somebody has the wrong file. */
async function assertMendedKnown(
  job: JobDescription,
  { mended, clock, deployment }: ReplayOptions,
  signal: AbortSignal,
): Promise<void> {
  if (mended.size === 0) return;
  const unknown = new Set(mended.keys());
  await using boxes = await openLetterBoxes(job, clock, signal, deployment);
  for (const reader of boxes.readers) for await (const letter of reader.read(signal)) unknown.delete(letterKey(letter));
  const [first] = unknown;
  if (first === undefined) return;
  const [split, row, line] = JSON.parse(first) as unknown[];
  throw new SluiceError(
    'CONFIG_INVALID',
    `${unknown.size} of ${mended.size} corrected rows are no dead letters of this job, or none any more; the first is row ${String(row)}, line ` +
      `${String(line)} of ${String(split)}. Take their lines out, or begin with those that \`sluice dlq show --json\` prints now.`,
  );
}
