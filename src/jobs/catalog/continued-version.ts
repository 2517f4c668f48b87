import { SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import type { JobIdentity } from '../../core/ledger.ts';
import type { JobDescription } from '../description/parse-job.ts';

/**
 * The job with the version of its dataset that the interrupted run of its output began with, where only that version keeps the two from being
 * the same: a newer one came in between. Null for all else that an output may be refused for.
 */
export function continuedVersion(job: JobDescription, wanted: JobIdentity, error: unknown): JobDescription | null {
  const { intakeSettings: intake } = job;
  if (intake.type !== 'dataset' || intake.datasetVersionId !== null) return null;
  if (!(error instanceof SluiceError) || error.code !== 'LEDGER_OTHER_JOB' || error.held === undefined) return null;
  const [before, now] = [versionIn(error.held['intake']), versionIn(wanted['intake'])];
  if (before === null || now === null || before.dataset !== now.dataset || before.version === now.version) return null;
  return { ...job, intakeSettings: { ...intake, datasetVersionId: before.version } };
}

/** Dataset and version, from the one object that such an intake is. */
function versionIn(intake: Json | undefined): { readonly dataset: string; readonly version: string } | null {
  if (!Array.isArray(intake) || intake.length !== 1) return null;
  const [only] = intake as readonly Json[];
  const object = typeof only === 'object' && only !== null && 'object' in only ? only.object : null;
  const found = typeof object === 'string' ? /^([^/]+)\/([^./]+)\.[\w.]+$/.exec(object) : null;
  return found === null ? null : { dataset: found[1]!, version: found[2]! };
}
