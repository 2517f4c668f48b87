import type { PairedBucket } from '../../monitoring/paired-predictions.ts';
import { sharesOf } from './predictions-view.ts';

/** Predictions of a time beside their actuals. @param classes only these; undefined: all. */
export function pairedView(bucket: PairedBucket | null, classes?: readonly string[]): object {
  const shares = (counts: ReadonlyMap<string, number>): object[] =>
    sharesOf(counts).filter(({ className }) => classes?.includes(className) ?? true);
  return {
    rowCountTotal: bucket?.total ?? 0,
    rowCountWithActual: bucket?.withActual ?? 0,
    meanPredictedValue: bucket?.meanPredicted ?? null,
    meanActualValue: bucket?.meanActual ?? null,
    predictedClassDistribution: shares(bucket?.predictedClasses ?? new Map()),
    actualClassDistribution: shares(bucket?.actualClasses ?? new Map()),
  };
}
