import { SluiceError } from '../../core/error.ts';
import { type JobIdentity, jobDifferences, type Manifest } from '../../core/ledger.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { jobIdentity } from '../job-identity.ts';
import type { ReplayOptions } from './replay-options.ts';

/** The rows are there already, wherever they came from and in whichever run; the model that is asked for is the output's own. */
const FREE = new Set(['name', 'intake', 'pinnedModelId', 'split', 'from', 'through']);

/**
 * Throws LEDGER_OTHER_JOB when the job would make other columns of a row than the output has, and OUTPUT_UNWRITABLE when the output does not
 * tell enough: it would have to be scored anew.
 */
export function assertReplayable(
  job: JobDescription,
  manifest: Manifest,
  output: string,
  options: Pick<ReplayOptions, 'anyModel'>,
): void {
  const { job: found, tally, intake } = manifest;
  const differences = differencesOf(job, manifest, options);
  if (differences.length > 0) {
    throw new SluiceError(
      'LEDGER_OTHER_JOB',
      `${output} was written by another job (${differences.join('; ')}). Give the job that wrote it` +
        (differences.some((part) => part.startsWith('deployment:'))
          ? ', or take another deployment with --allow-model-change.'
          : '; other settings need a new output.'),
      { held: found },
    );
  }
  if (tally.failed === 0) return;
  // A part of a live topic has the columns that others have shown.
  if (tally.scored === 0 && typeof found['split'] !== 'string')
    throw new SluiceError(
      'OUTPUT_UNWRITABLE',
      `No row of ${output} was ever scored, so it lacks the columns of the predictions. Run the job anew with --overwrite.`,
    );
  if (intake === undefined)
    throw new SluiceError(
      'OUTPUT_UNWRITABLE',
      `The manifest of ${output} does not tell the columns of the rows that failed: an earlier version wrote it. Run the job anew with --overwrite.`,
    );
  if (intake === null)
    throw new SluiceError(
      'OUTPUT_UNWRITABLE',
      `Rows with several sets of columns failed in ${output}, which cannot be told apart. Score them by a job of their own.`,
    );
}

/** The settings that shape a row in which a job and the one of a manifest differ, each with what it was and is. */
export function differencesOf(
  job: JobDescription,
  { job: found }: Pick<Manifest, 'job'>,
  { anyModel }: Pick<ReplayOptions, 'anyModel'>,
): readonly string[] {
  const bound = (identity: JobIdentity): JobIdentity =>
    Object.fromEntries(
      Object.entries(identity).filter(([part]) => !FREE.has(part) && (part !== 'deployment' || !anyModel)),
    );
  return jobDifferences(bound(found), bound(jobIdentity(job, null)));
}
