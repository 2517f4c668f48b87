import { SluiceError } from '../../core/error.ts';
import { copiesPerRow } from '../../scoring/explanations/baseline-sample.ts';
import type { OcclusionSettings } from '../../scoring/explanations/occlusion.ts';
import { BatchSizing } from '../batch-sizing.ts';
import type { JobDescription } from '../description/parse-job.ts';

/** What explanations need to know of a job. */
type ExplainedJob = Omit<JobDescription, 'kafka' | 'intakeSettings' | 'outputSettings'>;

/** Requests of one batch at once: enough to keep a server busy at the end of a job, few enough for memory. */
const CONCURRENT = 4;
/** A batch whose copies are more takes so long that a crash costs much of it again. */
const BATCH_COPIES = 100_000;

/** Whether the job computes explanations itself. */
export function occludes({ maxExplanations, explanationAlgorithm }: ExplainedJob): boolean {
  return maxExplanations > 0 && explanationAlgorithm === 'occlusion';
}

/** How a job explains its rows itself; undefined for one that does not. Throws CONFIG_INVALID where its baseline rows were not read. */
export function occlusionOf(job: ExplainedJob): OcclusionSettings | undefined {
  if (!occludes(job)) return undefined;
  const { baseline, maxExplanations, thresholdHigh, thresholdLow } = job;
  if (baseline === null) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'explanationAlgorithm: occlusion needs baseline rows, which only a whole job reads; run it as a job, or leave explanations out here.',
    );
  }
  const { rows, bytes } = copySizing(job);
  const limits = { rows, bytes, concurrent: Math.min(CONCURRENT, job.numConcurrent) };
  return { sample: baseline, maxExplanations, thresholdHigh, thresholdLow, limits };
}

/** How large requests of copies are: as those of rows that are not explained, and the same all through the job. */
export function copySizing(
  job: Pick<JobDescription, 'chunkSize' | 'chunkRows' | 'isChunkRowsGiven' | 'lingerMs'>,
): BatchSizing {
  return new BatchSizing({ ...job, maxExplanations: 0 });
}

/** Rows of one batch at the most. */
export function batchRowsOf(job: ExplainedJob): number {
  const { baseline, thresholdHigh, thresholdLow, chunkRows } = job;
  // With thresholds few rows may be explained, and small batches would only be many.
  if (baseline === null || thresholdHigh !== null || thresholdLow !== null) return chunkRows;
  return Math.min(chunkRows, Math.max(1, Math.floor(BATCH_COPIES / copiesPerRow(baseline))));
}

/** The same job without explanations. */
export function unexplained<J extends ExplainedJob>(job: J): J {
  return { ...job, maxExplanations: 0 };
}
