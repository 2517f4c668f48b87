import { cellsOf, type Statistics } from '../../../core/statistics.ts';
import type { Baseline } from '../../../monitoring/baseline.ts';
import { type DriftMetric, divergence } from '../../../monitoring/divergence.ts';
import { type ColumnDrift, driftOf } from '../../../monitoring/drift.ts';

/** How far a column is from the baseline, in DataRobot's words. */
export interface DriftScore {
  readonly name: string;
  /** Null where there are no rows. */
  readonly driftScore: number | null;
  readonly sampleSize: number;
  readonly baselineSampleSize: number;
}

/** Scores of all columns of a baseline that have bins, in its order. @param statistics null: there were no rows. */
export function driftScores(
  statistics: Statistics | null,
  baseline: Baseline,
  metric: DriftMetric,
): { readonly features: readonly DriftScore[]; readonly predictions: readonly DriftScore[] } {
  const drift = statistics === null ? null : driftOf(statistics, baseline, 1);
  const of = (columns: Baseline['features'], found: readonly ColumnDrift[]): readonly DriftScore[] =>
    columns.flatMap((column) => {
      if (column.kind === 'untracked') return [];
      const { name } = column.statistics;
      const drifted = found.find((one) => one.name === name);
      return [
        {
          name,
          driftScore:
            drifted === undefined
              ? null
              : divergence(
                  metric,
                  drifted.bins.map(({ baselineShare }) => baselineShare),
                  drifted.bins.map(({ share }) => share),
                ),
          sampleSize: drifted?.sampleSize ?? 0,
          baselineSampleSize: drifted?.baselineSampleSize ?? cellsOf(column.statistics),
        },
      ];
    });
  return {
    features: of(baseline.features, drift?.features ?? []),
    predictions: of(baseline.predictions, drift?.predictions ?? []),
  };
}
