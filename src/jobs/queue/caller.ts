import { SluiceError } from '../../core/error.ts';
import type { JobOwner, JobRecord } from './job-record.ts';

/** `read` looks at what is his, `run` makes and ends jobs too, `admin` does both for everybody. */
export type Role = 'read' | 'run' | 'admin';

/** Who asks. */
export interface Caller {
  readonly user: JobOwner;
  readonly role: Role;
}

/** Throws TOKEN_REFUSED (403) for callers that may only look. */
export function assertMayRun({ role }: Caller): void {
  if (role === 'read') throw new SluiceError('TOKEN_REFUSED', 'This token may only read.', { status: 403 });
}

/** The record, where it is the caller's. Throws JOB_UNKNOWN (404), as for one that is not there: ids tell nothing. */
export function ownJob(record: JobRecord | null, caller: Caller): JobRecord {
  if (record !== null && mayLookAt(record, caller)) return record;
  throw jobUnknown();
}

export function mayLookAt({ owner }: Pick<JobRecord, 'owner'>, { user, role }: Caller): boolean {
  return role === 'admin' || owner.userId === user.userId;
}

export function jobUnknown(): SluiceError {
  return new SluiceError('JOB_UNKNOWN', 'There is no such job.', { status: 404 });
}

/** Throws with 409. */
export function wrongState(message: string, status = 409): SluiceError {
  return new SluiceError('JOB_STATE', message, { status });
}
