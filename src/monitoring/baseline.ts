import type { ColumnStatistics } from '../core/statistics.ts';
import { numberBelow } from './number-below.ts';

/**
 * How a column was spread over the rows that a model knows: the bins that later rows are counted by, and the counts of the baseline
 * itself, made by the same code. As JSON this is what `sluice baseline` writes.
 */
export interface Baseline {
  readonly version: 1;
  /** Where it was made from, for people. */
  readonly source: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly rows: number;
  /** Columns of the intake. */
  readonly features: readonly BaselineColumn[];
  /** Columns of replies, by the names that replies give them; may be empty. */
  readonly predictions: readonly BaselineColumn[];
}

export type BaselineColumn = (NumberBins | CategoryBins | NoBins) & { readonly statistics: ColumnStatistics };

/** Intervals of numbers: up to and with the first edge, between two edges (with the upper one), and above the last. */
interface NumberBins {
  readonly kind: 'number';
  /**
   * Ascending, at most nine: the deciles of the baseline, or where it has few different numbers those but for the last. Where nearly all
   * are one number, that and the double before it.
   */
  readonly edges: readonly number[];
}

/** The most frequent texts, each a bin of its own. */
interface CategoryBins {
  readonly kind: 'category';
  /** At most `MOST_CATEGORIES`, the most frequent first. */
  readonly categories: readonly string[];
  /** Further texts of the baseline, counted together as the other ones. */
  readonly others: readonly string[];
  /** Whether these are all texts of the baseline: what is none of them is unseen. Otherwise it counts as one of the others. */
  readonly isComplete: boolean;
}

/** Nearly every row has another value (an identifier, a text): only what is missing is counted. */
interface NoBins {
  readonly kind: 'untracked';
}

export const MOST_CATEGORIES = 20;
export const MOST_OTHERS = 200;
/** Features of one job. */
export const MOST_FEATURES = 50;

/** What the bins of a column are called, in the order of `ColumnStatistics.bins`. */
export function binNames(column: NumberBins | CategoryBins): readonly string[] {
  if (column.kind === 'category') return [...column.categories, '(other)', '(unseen)'];
  const { edges } = column;
  if (edges.length === 0) return ['all'];
  const [first, second] = edges;
  if (edges.length === 2 && first === numberBelow(second!)) {
    const usual = short(second!);
    return [`below ${usual}`, usual, `above ${usual}`];
  }
  const between = edges.slice(1).map((edge, i) => `${short(edges[i]!)} to ${short(edge)}`);
  return [`up to ${short(edges[0]!)}`, ...between, `above ${short(edges.at(-1)!)}`];
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
