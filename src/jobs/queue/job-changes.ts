import { SluiceError } from '../../core/error.ts';
import { logTime, withLine } from './job-log.ts';
import type { JobRecord } from './job-record.ts';

/** The change of a job that a process begins with, or goes on with. */
export function beginning(now: JobRecord, wall: number): Partial<JobRecord> {
  const isFirst = now.startedAt === null;
  return {
    status: 'RUNNING',
    startedAt: now.startedAt ?? wall,
    attempts: now.attempts + 1,
    logs: withLine(now.logs, `Job ${isFirst ? 'started' : 'continued'} processing at ${logTime(wall)}`),
  };
}

/** The change of a job that ends before its time. */
export function aborted(
  now: JobRecord,
  {
    reason,
    code,
    wall,
  }: { readonly reason: string; readonly code: JobRecord['failure'] | undefined; readonly wall: number },
): Partial<JobRecord> {
  return {
    status: 'ABORTED',
    endedAt: wall,
    failure: code ?? now.failure,
    logs: withLine(now.logs, `Job aborted at ${logTime(wall)}: ${reason}`),
  };
}

/** For callers: what stands in the log, and nothing that is the machine's. */
export function abortedError({ logs }: JobRecord): SluiceError {
  return new SluiceError('JOB_STATE', logs.at(-1) ?? 'The job was aborted.', { status: 422 });
}
