import type { ErrorCode } from '../../core/error-table.ts';
import type { Json } from '../../core/json.ts';
import type { ModelIdentity } from '../../core/model.ts';
import type { Tally } from '../../core/scored-batch.ts';

/** DataRobot's words. INITIALIZING waits for its upload or its turn; the last two are final. */
export type JobStatus = 'INITIALIZING' | 'RUNNING' | 'COMPLETED' | 'ABORTED';

/** Whose a job is: who made it may look at it, end it and take its result. */
export interface JobOwner {
  readonly userId: string;
  readonly username: string;
  readonly fullName: string;
}

/**
 * How far the upload of a job has come: `none` for jobs that read elsewhere, `waiting` for its first byte, `open` from then on, `ended`
 * when all of it is there.
 */
type UploadState = 'none' | 'waiting' | 'open' | 'ended';

/** Who works on a job. A claim whose `beat` does not change for 15 s is void: whoever sees that may take it over. */
interface JobClaim {
  /** One process of `sluice serve`, another one after each start. */
  readonly runner: string;
  readonly beat: number;
}

/** One job of the server, as its store keeps it. Times are milliseconds since 1970. */
export interface JobRecord {
  /** 24 hexadecimal digits, the first 8 of them the time. */
  readonly id: string;
  /** Grows by one with each change; a change of an older revision is refused. */
  readonly revision: number;
  readonly status: JobStatus;
  readonly owner: JobOwner;
  /** What started it: `Ad hoc API`, `Manual Run`, `Scheduled Run`. */
  readonly source: string;
  readonly created: number;
  /** Left out of lists since then; null: shown. */
  readonly hidden: number | null;
  /** The body that it was made with, checked (`PredictionBody`). May hold secrets: it is shown by `jobSpecOf` only, and sealed in the store. */
  readonly body: Json;
  readonly deploymentId: string;
  /** Base address of the prediction server, by which jobs wait for each other. */
  readonly server: string;
  /** Higher ones go first among the jobs of one server. */
  readonly priority: number;
  readonly intakeType: string;
  readonly outputType: string;
  /** That all rows are scored with; null: the server could not be asked yet, or does not say. */
  readonly model: ModelIdentity | null;
  readonly upload: UploadState;
  /** When it entered the queue; null: it has not. */
  readonly queuedAt: number | null;
  readonly claim: JobClaim | null;
  /** When it was first begun. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Milliseconds of work, of all runners. */
  readonly elapsedMs: number;
  /** How often it was begun: more than once after a crash or a move. */
  readonly attempts: number;
  readonly tally: Tally;
  readonly intakeBytes: number | null;
  /** Bytes of the whole intake; null while nobody knows. */
  readonly intakeTotal: number | null;
  readonly outputBytes: number | null;
  /** Newest last. The last one is DataRobot's `statusDetails`. */
  readonly logs: readonly string[];
  /** Why it was aborted, where an error was the reason. */
  readonly failure: ErrorCode | null;
  /** Upload and result are gone. */
  readonly resultsDeleted: boolean;
  /** The batch of monitoring that its rows count to; null: none. */
  readonly monitoringBatchId: string | null;
  /** The definition that it was run from. */
  readonly definition: { readonly id: string; readonly name: string; readonly createdBy: JobOwner } | null;
}

/** What the queue has to know of a job. */
export type QueueEntry = Pick<JobRecord, 'id' | 'status' | 'server' | 'queuedAt' | 'claim'>;

/** Whether nothing will happen to the job any more. */
export function hasEnded({ status }: Pick<JobRecord, 'status'>): boolean {
  return status === 'COMPLETED' || status === 'ABORTED';
}
