import type { Json } from '../../core/json.ts';
import type { JobOwner, JobStatus } from '../queue/job-record.ts';
import type { DefinitionTimes } from '../run-time.ts';
import type { Schedule } from './schedule-fields.ts';

/** A job that can be run again and again, as its store keeps it. Times are milliseconds since 1970. */
export interface DefinitionRecord {
  /** 24 hexadecimal digits. */
  readonly id: string;
  /** Grows by one with each change; a change of an older revision is refused. */
  readonly revision: number;
  /** No two definitions of a server have the same. */
  readonly name: string;
  /** Whether it is run by its schedule. */
  readonly enabled: boolean;
  readonly schedule: Schedule | null;
  readonly createdBy: JobOwner;
  readonly updatedBy: JobOwner;
  readonly created: number;
  readonly updated: number;
  readonly deploymentId: string;
  /** The body of its jobs, with template variables as they were written. May hold secrets, as that of a job. */
  readonly body: Json;
  /** When it is run next by its schedule; null: it is not. */
  readonly nextRun: number | null;
  /** The run that has not ended, as far as anybody has looked. There is never a second one. */
  readonly run: DefinitionRun | null;
  readonly lastStarted: { readonly jobId: string; readonly at: number; readonly status: JobStatus } | null;
  /** When the last run that failed, and that was completed, was begun. */
  readonly lastFailed: number | null;
  readonly lastSuccessful: number | null;
  /** The time that the last scheduled run was scheduled for. */
  readonly lastScheduled: number | null;
  /** Scheduled runs that failed one after the other. */
  readonly failures: number;
}

/** A run of a definition. */
export interface DefinitionRun {
  /** Chosen before the job is made: whoever finishes what a killed process has begun makes no second one. */
  readonly jobId: string;
  readonly isScheduled: boolean;
  /** When it was asked for: `{{ current_run_time }}`. */
  readonly at: number;
  readonly times: DefinitionTimes;
  /** Address of the caller, for the log of the job. */
  readonly address: string;
  /** Whether its job is there. */
  readonly isMade: boolean;
}
