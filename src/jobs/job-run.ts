import type { Manifest } from '../core/ledger.ts';
import type { Tally } from '../core/scored-batch.ts';
import type { Activity } from '../core/stage-meter.ts';
import type { Statistics } from '../core/statistics.ts';
import type { ServiceFigures } from '../observe/service-statistics.ts';
import type { ExplanationCounters } from '../scoring/explanations/occlusion.ts';

/**
 * What a run is doing. `paused`: the prediction server refuses access, every row is kept and it is asked again.
 * `draining`: a stop was asked for, what is in flight is finished and made durable.
 */
export type JobState =
  | 'starting'
  | 'running'
  | 'paused'
  | 'draining'
  | 'publishing'
  | 'done'
  | 'failed'
  | 'interrupted';

/** Percentiles of request latency, in milliseconds, over all requests of the run. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** Where the time of a stage went, in milliseconds summed over its partitions. */
export interface StageTimes {
  readonly stage: 'ingest' | 'score' | 'deliver';
  readonly milliseconds: Readonly<Record<Activity, number>>;
}

/** What a run over topics has to show beside its rows. */
export interface TopicProgress {
  /** Messages of a live topic, or batches of a job, that are not scored and committed yet; null while nobody knows. */
  readonly lag: number | null;
  /** Partitions that this process works on; of a bounded job all that it has. */
  readonly partitions: number;
  /** Partitions whose fetching waits, as enough was fetched ahead. */
  readonly paused: number;
  /** How often the group was balanced since this process joined. */
  readonly rebalances: number;
  /** Processes that score, this one included; null while nobody knows. */
  readonly workers: number | null;
  /** Transactions that this process has committed. */
  readonly transactions: number;
}

/** Requests of those who score for a run. */
export interface RequestFigures {
  /** Under way now. */
  readonly inFlight: number;
  /** Requests at once that are allowed now; null before the run knows its server. */
  readonly limit: number | null;
  /** Of rows and of copies that explain them. */
  readonly requests: number;
  /** Waits for an overloaded or missing server. */
  readonly retries: number;
  readonly latency: Latency | null;
  /** Of the requests of the last five to ten seconds. */
  readonly recentLatency: Latency | null;
}

/**
 * One look at a run. Rows and bytes count everything durable or delivered so far, also from before a continuation. Its requests are those of all
 * processes that score for the job: others tell of those under way every two seconds, of those that have ended when their rows are delivered.
 */
export interface Progress extends RequestFigures {
  readonly state: JobState;
  /** One line for people: why it is paused, failed or interrupted; otherwise empty. */
  readonly detail: string;
  readonly tally: Tally;
  /** Rows that an interrupted run had done already; `tally` includes them. */
  readonly continuedFrom: number;
  readonly bytesRead: number;
  /** Null when the size of the intake is not known (stdin). */
  readonly bytesTotal: number | null;
  /** Over the last seconds. */
  readonly rowsPerSecond: number;
  readonly elapsedMs: number;
  /** Null while nobody can tell. */
  readonly etaMs: number | null;
  /** Null for a run without topics. */
  readonly topics: TopicProgress | null;
  /** Requests of this process, as its metrics show them; workers have metrics of their own. */
  readonly own: RequestFigures;
  /** The same. */
  readonly service: ServiceFigures;
  /** Of the rows in `tally`; null for a job that is not monitored. */
  readonly statistics: Statistics | null;
  /** Null for a run that does not explain rows itself. */
  readonly explanations: ExplanationCounters | null;
  readonly stages: readonly StageTimes[];
}

/** How a run ended well. */
export interface JobResult {
  readonly manifest: Manifest;
  /** As of the last moment of the run. */
  readonly progress: Progress;
}

/**
 * A job under way. Iterating gives a look at it about once a second and a last one at its end; several may iterate.
 * `result` rejects with a SluiceError when the job failed (its output then is as it was, what is durable is kept for a
 * continuation) and with JOB_INTERRUPTED after `stop`.
 */
export interface JobRun extends AsyncIterable<Progress> {
  readonly result: Promise<JobResult>;
  progress(): Progress;
  /** Drains: what is in flight is finished and made durable, then the run ends as interrupted. */
  stop(): void;
  /** Ends at once: requests are cut, what was not committed will be done again by a continuation. */
  abort(): void;
  /** The same, and removes what the run has written: nothing of it remains, unless it was being published already. */
  discard(): void;
}
