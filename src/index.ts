/** The library: run jobs, put scoring between streams. The contracts for connectors are in `sluice/sdk`. */

export type { ObjectRow } from './codecs/streams/record-source.ts';
export { type ErrorScope, SluiceError } from './core/error.ts';
export type { ErrorCode } from './core/error-table.ts';
export type { JobIdentity, Manifest, ManifestObject } from './core/ledger.ts';
export type { DeadLetter, Tally } from './core/scored-batch.ts';
export type { ColumnStatistics, NumberStatistics, Statistics, ValueCounts } from './core/statistics.ts';
export { type CompareOptions } from './jobs/compare/compare-options.ts';
export { compareOutputs } from './jobs/compare/compare-outputs.ts';
export type { Comparison } from './jobs/compare/comparison.ts';
export type { JobInput } from './jobs/description/job-description.ts';
export { type JobContext, type JobDescription, loadJob, parseJob } from './jobs/description/parse-job.ts';
export type { ConsumedMessage, EachBatchPayload, ScoredMessage } from './jobs/each-batch/each-batch-payload.ts';
export { type EachBatchHandler, type EachBatchOptions, scoreEachBatch } from './jobs/each-batch/score-each-batch.ts';
export type { JobResult, JobRun, JobState, Latency, Progress, RequestFigures, StageTimes } from './jobs/job-run.ts';
export { type JobBetween, runJob, startJob } from './jobs/run-job.ts';
export type { RunJobOptions } from './jobs/run-job-options.ts';
export { scoreObjects } from './jobs/score-objects.ts';
export { type ScoreOptions, score } from './jobs/score-stream.ts';
export type { ServiceFigures } from './observe/service-statistics.ts';
