import { newestLine } from '../../jobs/queue/job-log.ts';
import type { JobRecord } from '../../jobs/queue/job-record.ts';
import { jobSpecOf } from './job-spec.ts';
import { shownTime } from './shown-time.ts';

/** What a job is shown with. */
export interface ViewContext {
  /** Base address that the client reached: `http://host:port/api/v2`. */
  readonly base: string;
  /** Jobs before it; null for one that does not wait. */
  readonly queuePosition: number | null;
}

/** A job as DataRobot's clients read it: what they insist on is in facts of theirs, whole numbers and texts that are never empty. */
export function jobView(record: JobRecord, { base, queuePosition }: ViewContext): object {
  const self = `${base}/batchPredictions/${record.id}/`;
  const isUpload = record.intakeType === 'localFile';
  const isDownload = record.outputType === 'localFile';
  const { tally, definition } = record;
  return {
    id: record.id,
    status: record.status,
    statusDetails: newestLine(record),
    logs: record.logs,
    percentageCompleted: percentage(record),
    elapsedTimeSec: Math.round(record.elapsedMs / 1000),
    scoredRows: tally.scored,
    failedRows: tally.failed,
    skippedRows: tally.skipped,
    jobIntakeSize: record.intakeBytes,
    jobOutputSize: record.outputBytes,
    jobSpec: jobSpecOf(record),
    links: {
      self,
      ...(isUpload ? { csvUpload: `${self}csvUpload/` } : {}),
      ...(isDownload ? { download: isReadable(record) ? `${self}download/` : null } : {}),
    },
    created: new Date(record.created).toISOString(),
    createdBy: record.owner,
    queued: queuePosition !== null,
    queuePosition,
    resultsDeleted: record.resultsDeleted,
    source: record.source,
    hidden: shownTime(record.hidden),
    ...(record.model === null ? {} : { modelId: record.model.id }),
    ...(record.monitoringBatchId === null ? {} : { monitoringBatchId: record.monitoringBatchId }),
    ...(definition === null ? {} : { batchPredictionJobDefinition: definition }),
  };
}

export function isReadable({ status, resultsDeleted }: JobRecord): boolean {
  return (status === 'RUNNING' || status === 'COMPLETED') && !resultsDeleted;
}

/** Of the bytes that are there to read, as rows are not known before the end. */
export function percentage({ status, intakeBytes, intakeTotal }: JobRecord): number {
  if (status === 'COMPLETED') return 100;
  if (intakeBytes === null || intakeTotal === null || intakeTotal === 0) return 0;
  return Math.min(99, Math.floor((100 * intakeBytes) / intakeTotal));
}
