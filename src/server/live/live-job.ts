import { bottleneck } from '../../jobs/bottleneck.ts';
import type { Progress } from '../../jobs/job-run.ts';
import { newestLine } from '../../jobs/queue/job-log.ts';
import { hasEnded, type JobRecord } from '../../jobs/queue/job-record.ts';
import { whyNoReplay } from '../../jobs/queue/replayed-job.ts';
import { isReadable, percentage } from '../views/job-view.ts';
import type { LiveJob, LiveSample } from './live-view.ts';

/** A job as lists of the live page show it. */
export function liveJob(record: JobRecord, sample: LiveSample | null, queuePosition: number | null): LiveJob {
  const { tally, model, claim, status } = record;
  const isKnown = status === 'COMPLETED' || (record.intakeTotal !== null && record.intakeTotal > 0);
  return {
    id: record.id,
    revision: record.revision,
    status,
    isReplayed: status === 'COMPLETED' && claim !== null,
    deploymentId: record.deploymentId,
    owner: record.owner.username,
    source: record.source,
    definition: record.definition?.name ?? null,
    model: model === null ? null : `${model.id}${model.version === undefined ? '' : `, version ${model.version}`}`,
    created: record.created,
    startedAt: record.startedAt,
    endedAt: record.endedAt,
    elapsedMs: record.elapsedMs,
    queuePosition,
    upload: record.upload,
    intakeType: record.intakeType,
    outputType: record.outputType,
    rows: { read: tally.read, scored: tally.scored, failed: tally.failed, skipped: tally.skipped },
    percent: isKnown ? percentage(record) : null,
    intakeBytes: record.intakeBytes,
    outputBytes: record.outputBytes,
    hasResult: record.outputType === 'localFile' && isReadable(record),
    canReplay: whyNoReplay(record) === null,
    hidden: record.hidden !== null,
    lines: record.logs.length,
    newestLine: newestLine(record),
    sample: hasEnded(record) || claim === null ? null : withEta(sample, record),
  };
}

/** @param partitions of the job, over which the time of its scoring is spread. */
export function liveSample(progress: Progress, at: number, partitions: number): LiveSample {
  const { state, detail, rowsPerSecond, etaMs, inFlight, limit, requests, retries, stages, topics } = progress;
  return {
    at,
    state,
    detail,
    rowsPerSecond: Math.round(rowsPerSecond),
    etaMs: etaMs === null ? null : Math.round(etaMs),
    p50: progress.recentLatency?.p50 ?? null,
    p99: progress.recentLatency?.p99 ?? null,
    inFlight,
    limit,
    requests,
    retries,
    stages: stages.map(({ stage, milliseconds: { work, input, server, output } }) => ({
      stage,
      milliseconds: {
        work: Math.round(work),
        input: Math.round(input),
        server: Math.round(server),
        output: Math.round(output),
      },
    })),
    bottleneck: bottleneck(stages, partitions),
    topics,
  };
}

/** Of an upload that was not whole when its run began the size is known later. */
function withEta(sample: LiveSample | null, { intakeBytes, intakeTotal, elapsedMs }: JobRecord): LiveSample | null {
  if (sample === null || sample.etaMs !== null || intakeTotal === null || intakeBytes === null || intakeBytes === 0)
    return sample;
  const left = Math.max(0, intakeTotal - intakeBytes);
  return { ...sample, etaMs: Math.round((elapsedMs * left) / intakeBytes) };
}
