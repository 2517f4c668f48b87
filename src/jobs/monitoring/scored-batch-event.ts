import type { RowBatch } from '../../core/row-batch.ts';
import type { Scores } from '../../core/scorer.ts';
import type { ScoredBatchEvent } from '../../observe/diagnostics.ts';
import type { JobDescription } from '../description/parse-job.ts';

/** What the channel `sluice:batch:scored` is told of a batch. */
export function batchScored(
  { deployment }: Pick<JobDescription, 'deployment'>,
  latencyMs: number,
  { origin, rows }: RowBatch,
  { failures }: Scores,
): ScoredBatchEvent {
  const { split, firstRow } = origin;
  return { deployment: deployment.id, split, firstRow, rows, failed: failures.length, latencyMs };
}
