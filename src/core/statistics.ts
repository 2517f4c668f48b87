import type { LinearHistogram } from './linear-histogram.ts';

/**
 * What is kept of the rows of a batch, and of all of a job: JSON, bounded whatever the number of rows, and mergeable in any
 * grouping (counts, bounds and buckets exactly; means and deviations to the last digits). Travels with its batch and is committed
 * with the ledger, so that every row counts once whatever was killed.
 */
export interface Statistics {
  /** Rows that were scored. */
  readonly rows: number;
  /** How many of them were looked at; the columns speak of these. */
  readonly sampled: number;
  /** Why rows were not scored; `count` is that of all of them. */
  readonly refusals: ValueCounts;
  /** Columns of the intake. */
  readonly features: readonly ColumnStatistics[];
  /** Columns of the replies: predictions and probabilities, under the names that replies give them. */
  readonly predictions: readonly ColumnStatistics[];
}

/** Of one column. The cells that are not missing are numbers, or texts. */
export interface ColumnStatistics {
  readonly name: string;
  readonly missing: number;
  /** Null where no cell was a number, and for categories. */
  readonly numbers: NumberStatistics | null;
  /** Cells that are no numbers. */
  readonly texts: ValueCounts;
  /**
   * By the baseline's bins: of numbers one for each interval; of categories one for each that the baseline names, then its other
   * ones, then those that it has never seen. Null without a baseline.
   */
  readonly bins: readonly number[] | null;
}

export interface NumberStatistics {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Sum of the squares of the distances from the mean; null where it is past the range of doubles, which JSON could not hold. */
  readonly squares: number | null;
  /** Null where the baseline's bins are counted instead. */
  readonly histogram: LinearHistogram | null;
}

/**
 * Texts with their counts: of all texts if they are few, otherwise of those `MOST_VALUES` whose hashes are the least. Such a text was
 * kept from its first to its last occurrence, in every part that was merged: its count is exact.
 */
export interface ValueCounts {
  /** Of all texts, kept or not. */
  readonly count: number;
  /** Sorted by hash. */
  readonly values: readonly ValueCount[];
}

/** A hash of 53 bits, the text (cut to `SHOWN_CHARACTERS`) and how often it came. */
export type ValueCount = readonly [hash: number, text: string, count: number];

export const MOST_VALUES = 24;
export const SHOWN_CHARACTERS = 60;

export const NO_VALUES: ValueCounts = { count: 0, values: [] };

/** Cells of a column that were counted, missing ones included: numbers are in bins, too, where there are bins. */
export function cellsOf({ missing, numbers, texts, bins }: ColumnStatistics): number {
  return missing + texts.count + (numbers?.count ?? (bins ?? []).reduce((sum, count) => sum + count, 0));
}

/** Standard deviation of the population; null without a number, and where it is too large to tell. */
export function deviation(numbers: NumberStatistics | null): number | null {
  return numbers === null || numbers.squares === null ? null : Math.sqrt(numbers.squares / numbers.count);
}
