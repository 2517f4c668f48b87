import type { RowBatch } from '../../core/row-batch.ts';
import type { Scores } from '../../core/scorer.ts';
import { copiesPerRow } from '../../scoring/explanations/baseline-sample.ts';
import { rowDecision } from '../../scoring/output/row-decision.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { copySizing } from '../explanations/occlusion-of.ts';
import { outputSettingsOf } from '../scoring-settings.ts';
import { type Estimate, scaled } from './intake-estimate.ts';

/** What a job pays for explaining rows itself. */
export interface ExplanationCost {
  /** Perturbed copies of a row, at the most: values that rows share with the baseline save some. */
  readonly copiesPerRow: number;
  readonly baselineRows: number;
  /** Rows that are explained. */
  readonly rows: Estimate;
  readonly copies: Estimate;
  /** Requests that hold the copies, beside those of the rows. */
  readonly requests: Estimate;
}

/**
 * The cost of the explanations of so many rows; null for a job that makes none.
 * @param rowBytes of a row as CSV.
 * @param share of rows outside the thresholds, as a scored sample shows it; null when there is none.
 */
export function explanationCost(
  job: JobDescription,
  rows: Estimate,
  rowBytes: number,
  share: number | null,
): ExplanationCost | null {
  const { baseline } = job;
  if (baseline === null) return null;
  const each = copiesPerRow(baseline);
  const explained = explainedRows(job, rows, share);
  const { rows: most, bytes } = copySizing(job);
  const perRequest = Math.max(1, Math.min(most, Math.floor(bytes / Math.max(1, rowBytes))));
  const copies = scaled(explained, each);
  const requestsOf = (figure: keyof Estimate): number => Math.ceil(copies[figure] / perRequest);
  return {
    copiesPerRow: each,
    baselineRows: baseline.chosen,
    rows: explained,
    copies,
    requests: { least: requestsOf('least'), likely: requestsOf('likely'), most: requestsOf('most') },
  };
}

/** Share of the rows of a reply that the thresholds of a job let be explained; null when there are none. */
export function explainedShare(job: JobDescription, batch: RowBatch, scores: Scores): number | null {
  const decide = rowDecision({ ...outputSettingsOf(job), predictionThreshold: null }, scores.columns);
  const failed = new Set(scores.failures.map(({ row }) => row));
  const scored = Array.from({ length: batch.rows }, (_, row) => row).filter((row) => !failed.has(row));
  if (scored.length === 0) return null;
  return scored.filter((row) => decide?.(scores, row).explained !== false).length / scored.length;
}

function explainedRows(
  { thresholdHigh, thresholdLow }: JobDescription,
  rows: Estimate,
  share: number | null,
): Estimate {
  if (thresholdHigh === null && thresholdLow === null) return rows;
  // Nobody knows how the predictions lie before they are made.
  return { least: 0, likely: Math.round(rows.likely * (share ?? 1)), most: rows.most };
}
