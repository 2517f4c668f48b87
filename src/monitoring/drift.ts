import { type ColumnStatistics, deviation, type Statistics } from '../core/statistics.ts';
import { type Baseline, type BaselineColumn, binNames } from './baseline.ts';

/** How far one column is from its baseline. */
export interface ColumnDrift {
  readonly name: string;
  readonly kind: BaselineColumn['kind'];
  /** Population stability index; null for a column without bins, and without rows. */
  readonly psi: number | null;
  /** Whether it is greater than the threshold. */
  readonly hasDrifted: boolean;
  /** Rows that were looked at, and rows of the baseline. */
  readonly sampleSize: number;
  readonly baselineSampleSize: number;
  readonly missingShare: number;
  readonly baselineMissingShare: number;
  /** Texts that the baseline has never seen; cells that are no numbers in a column of numbers. */
  readonly unseen: number;
  readonly mean: number | null;
  readonly baselineMean: number | null;
  readonly deviation: number | null;
  readonly baselineDeviation: number | null;
  readonly bins: readonly DriftBin[];
}

interface DriftBin {
  readonly name: string;
  /** Shares of all rows that were looked at, and of all rows of the baseline. */
  readonly share: number;
  readonly baselineShare: number;
}

/** Drift of the features, and of the predictions (target drift). */
export interface Drift {
  readonly threshold: number;
  readonly features: readonly ColumnDrift[];
  readonly predictions: readonly ColumnDrift[];
}

/** @param threshold beyond which a column has drifted. */
export function driftOf(statistics: Statistics, baseline: Baseline, threshold: number): Drift {
  return {
    threshold,
    features: driftOfColumns(statistics.features, baseline.features, threshold),
    predictions: driftOfColumns(statistics.predictions, baseline.predictions, threshold),
  };
}

function driftOfColumns(
  found: readonly ColumnStatistics[],
  baseline: readonly BaselineColumn[],
  threshold: number,
): readonly ColumnDrift[] {
  const known = new Map(baseline.map((column) => [column.statistics.name, column]));
  return found.flatMap((column) => {
    const reference = known.get(column.name);
    return reference === undefined ? [] : [driftOfColumn(column, reference, threshold)];
  });
}

function driftOfColumn(column: ColumnStatistics, baseline: BaselineColumn, threshold: number): ColumnDrift {
  const { name } = column;
  const reference = baseline.statistics;
  const [counts, expected] = [countsOf(column), countsOf(reference)];
  const [sampleSize, baselineSampleSize] = [sum(counts), sum(expected)];
  const psi = baseline.kind === 'untracked' ? null : stabilityIndex(expected, counts);
  const names = baseline.kind === 'untracked' ? [] : [...binNames(baseline), ...EXTRA_BINS];
  return {
    name,
    kind: baseline.kind,
    psi,
    hasDrifted: psi !== null && psi > threshold,
    sampleSize,
    baselineSampleSize,
    missingShare: share(column.missing, sampleSize),
    baselineMissingShare: share(reference.missing, baselineSampleSize),
    unseen:
      baseline.kind === 'category' ? (column.bins?.at(-1) ?? 0) : baseline.kind === 'number' ? column.texts.count : 0,
    mean: column.numbers?.mean ?? null,
    baselineMean: reference.numbers?.mean ?? null,
    deviation: deviation(column.numbers),
    baselineDeviation: deviation(reference.numbers),
    bins: names.map((bin, i) => ({
      name: bin,
      share: share(counts[i]!, sampleSize),
      baselineShare: share(expected[i]!, baselineSampleSize),
    })),
  };
}

const EXTRA_BINS = ['(no number)', '(missing)'];

/** All cells of a column, each in one bin: what is no number and what is missing are bins, too. */
function countsOf({ bins, texts, missing }: ColumnStatistics): readonly number[] {
  return [...(bins ?? []), texts.count, missing];
}

/** An empty bin would make the index infinite; it counts as so small a share (one row in ten thousand). */
const LEAST_SHARE = 1e-4;

/**
 * The population stability index: the sum over the bins of (share - expected share) · ln(share / expected share). The same shares give
 * 0; from 0.1 on one speaks of a shift, from 0.25 on of a great one. Null when one side is empty.
 */
export function stabilityIndex(expected: readonly number[], found: readonly number[]): number | null {
  const [all, allFound] = [sum(expected), sum(found)];
  if (all === 0 || allFound === 0) return null;
  return expected.reduce((index, count, i) => {
    const [p, q] = [Math.max(count / all, LEAST_SHARE), Math.max(found[i]! / allFound, LEAST_SHARE)];
    return index + (q - p) * Math.log(q / p);
  }, 0);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
