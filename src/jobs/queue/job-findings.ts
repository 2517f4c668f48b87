import { findSluiceError } from '../../core/error.ts';
import type { Statistics } from '../../core/statistics.ts';
import { type Drift, driftOf } from '../../monitoring/drift.ts';
import { openLetterBoxes } from '../dead-letters/letter-boxes.ts';
import { type LetterList, listLetters } from '../dead-letters/list-letters.ts';
import { outputManifest } from './finished-run.ts';
import type { JobRecord } from './job-record.ts';
import type { JobParts } from './job-work.ts';
import { ownedJob } from './owned-job.ts';

const NO_LETTERS: LetterList = { outputs: [], letters: 0, causes: [] };

/** The rows of a job that were not scored, by their cause; of a job that runs, those that are durable. */
export async function lettersOf(parts: JobParts, record: JobRecord, signal: AbortSignal): Promise<LetterList> {
  const { failed, skipped } = record.tally;
  if (failed + skipped === 0 || record.resultsDeleted) return NO_LETTERS;
  await using boxes = await openLetterBoxes(await ownedJob(parts, record), parts.clock, signal);
  try {
    return await listLetters(boxes.readers, signal);
  } catch (error) {
    // An output that was removed, or is not begun.
    if (findSluiceError(error)?.code === 'INTAKE_NOT_FOUND') return NO_LETTERS;
    throw error;
  }
}

/**
 * How far the rows of a job are from the baseline of its deployment; null without a baseline, and for a job that is not monitored.
 * @param running what a run has counted so far; null: the output's manifest has it.
 */
export async function driftOfJob(
  parts: JobParts,
  record: JobRecord,
  running: Statistics | null,
  signal: AbortSignal,
): Promise<Drift | null> {
  const job = await ownedJob(parts, record);
  const { baseline, driftThreshold } = job.deployment;
  if (baseline === null) return null;
  const isDone = record.status === 'COMPLETED' && !record.resultsDeleted;
  const manifest = isDone ? await outputManifest(job, parts.clock, signal).catch(() => null) : null;
  const statistics = running ?? manifest?.statistics ?? null;
  return statistics === null ? null : driftOf(statistics, baseline, driftThreshold);
}
