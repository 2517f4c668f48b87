import type { Clock } from '../core/clock.ts';
import type { FinishedRequest } from '../core/finished-request.ts';
import type { ModelIdentity } from '../core/model.ts';
import type { Sink } from '../core/sink.ts';
import type { Source } from '../core/source.ts';
import type { CommitPolicy } from '../stages/delivery.ts';
import type { JobDescription } from './description/parse-job.ts';
import type { IntakeLimits } from './limited-source.ts';
import type { StandardStreams } from './open-endpoints.ts';

export interface RunJobOptions {
  /** Replace an existing output, throw away an interrupted run. Default false. */
  readonly overwrite?: boolean;
  /** Aborting it ends the run at once, as `JobRun.abort` does. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** What `-` stands for as intake and as output; the process's own by default. */
  readonly streams?: Partial<StandardStreams>;
  /**
   * A source of your own in place of what `intakeSettings` describes, which may be left out then. Made for this run; closed by it. The rules
   * are those of the contract in `sluice/sdk`; `sluice/testing` shows whether it keeps them.
   */
  readonly source?: Source;
  /** The same for the output. Not for live topics. */
  readonly sink?: Sink;
  /** Other ends than the settings describe: what `score` and `scoreObjects` are made of. */
  readonly endpoints?: (job: JobDescription) => Endpoints;
  /** How much of the intake is taken; all of it by default. */
  readonly intakeLimits?: IntakeLimits;
  /** Part of the job's identity: runs under another name are another job, and neither continue this one nor take its output for theirs. */
  readonly name?: string;
  /** The model that must answer, where it is known before the run; that of `pinnedModelId` and of an interrupted run go before it. */
  readonly model?: ModelIdentity | null;
  /** A run that fails leaves nothing behind, as nobody will continue it; one that is stopped or aborted leaves what it has. */
  readonly discardsFailed?: boolean;
  /** Told of every request to the prediction server that has ended: in this process at once, in a worker when its rows are delivered. */
  readonly onRequest?: (request: FinishedRequest) => void;
  /** How much a crash may cost: a commit at least this often. Default every second and every 64 MB, to S3 every 10 seconds and every GB. */
  readonly commits?: Partial<CommitPolicy>;
}

/** Where a run reads and writes. */
export interface Endpoints {
  readonly source: Source;
  readonly sink: Sink;
}
