import type { JobDescription } from '../description/parse-job.ts';
import { describedJob } from './body/described-job.ts';
import { ownerContext } from './body/owner-context.ts';
import type { PredictionBody } from './body/prediction-body.ts';
import type { JobRecord } from './job-record.ts';
import type { JobParts } from './job-work.ts';

/**
 * The description that a job of a user is run by: of its body, which was checked, and of what he has given the server to keep. Throws
 * what `ownerContext` and `describedJob` throw.
 */
export async function ownedJob(
  { folders, context, secrets }: JobParts,
  { id, owner, body }: Pick<JobRecord, 'id' | 'owner' | 'body'>,
): Promise<JobDescription> {
  const asked = body as PredictionBody;
  const job = describedJob(asked, folders.of(id), await ownerContext(asked, owner.userId, context, secrets));
  const { intakeSettings: intake } = job;
  if (intake.type !== 'dataset' || intake.catalog === null) return job;
  // Of the datasets of users he reads his own.
  return { ...job, intakeSettings: { ...intake, catalog: { ...intake.catalog, user: owner.username } } };
}
