import type { RowBatch } from '../../../../src/core/row-batch.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import type { BaselineSample } from '../../../../src/scoring/explanations/baseline-sample.ts';
import {
  type OcclusionScorer,
  type OcclusionSettings,
  withOcclusion,
} from '../../../../src/scoring/explanations/occlusion.ts';
import { batchOf, never, recordsOf } from '../rows.ts';
import type { FunctionScorer } from './function-scorer.ts';

type Fields = readonly (string | null)[];

/** Explains by all columns and all baseline rows, unless told otherwise. */
export function sampleOf(columns: readonly string[], rows: readonly Fields[]): BaselineSample {
  return { columns, features: columns, rows, chosen: rows.length };
}

export function explainer(
  scorer: FunctionScorer,
  sample: BaselineSample,
  settings: Partial<OcclusionSettings> = {},
): OcclusionScorer {
  const limits = { rows: 1_000, bytes: 100_000, concurrent: 2 };
  return withOcclusion(scorer, scorer, {
    sample,
    maxExplanations: 10,
    thresholdHigh: null,
    thresholdLow: null,
    limits,
    ...settings,
  });
}

export interface Explained {
  readonly record: string;
  /** By feature. */
  readonly strengths: ReadonlyMap<string, number>;
  readonly order: readonly string[];
}

/** The explanations of rows, from the cells of the reply; only for cells without commas and quotes. */
export async function explained({ scorer }: OcclusionScorer, batch: RowBatch): Promise<readonly Explained[]> {
  const scores = await scorer.score(batch, never);
  const names = scores.columns.map(({ name }) => name);
  return recordsOf(scores).map((record) => {
    const cells = record.split(',');
    const found = names.flatMap((name, i) =>
      name.endsWith('_FEATURE_NAME') && cells[i] ? [[cells[i], Number(cells[i + 1])] as const] : [],
    );
    return { record, strengths: new Map(found), order: found.map(([feature]) => feature) };
  });
}

export function rowsOf(columns: readonly string[], rows: readonly Fields[]): RowBatch {
  return batchOf(rows, schemaOf(columns));
}
