import { mergeHistograms } from './linear-histogram.ts';
import {
  type ColumnStatistics,
  MOST_VALUES,
  type NumberStatistics,
  type Statistics,
  type ValueCount,
  type ValueCounts,
} from './statistics.ts';

/** The statistics of the rows of both. */
export function mergeStatistics(a: Statistics, b: Statistics): Statistics {
  return {
    rows: a.rows + b.rows,
    sampled: a.sampled + b.sampled,
    refusals: mergeValues(a.refusals, b.refusals),
    features: mergeColumns(a.features, b.features),
    predictions: mergeColumns(a.predictions, b.predictions),
  };
}

/** What was known before, with what a batch adds; either may be missing. */
export function addStatistics(before: Statistics | undefined, added: Statistics | undefined): Statistics | undefined {
  return before === undefined || added === undefined ? (before ?? added) : mergeStatistics(before, added);
}

/** By name, in the order of the first and then of what only the second has. */
function mergeColumns(a: readonly ColumnStatistics[], b: readonly ColumnStatistics[]): readonly ColumnStatistics[] {
  if (a.length === b.length && a.every(({ name }, i) => name === b[i]!.name))
    return a.map((column, i) => mergeColumn(column, b[i]!));
  const added = new Map(b.map((column) => [column.name, column]));
  const merged = a.map((column) => {
    const other = added.get(column.name);
    added.delete(column.name);
    return other === undefined ? column : mergeColumn(column, other);
  });
  return [...merged, ...added.values()];
}

function mergeColumn(a: ColumnStatistics, b: ColumnStatistics): ColumnStatistics {
  return {
    name: a.name,
    missing: a.missing + b.missing,
    numbers: mergeNumbers(a.numbers, b.numbers),
    texts: mergeValues(a.texts, b.texts),
    bins: a.bins === null || b.bins === null ? (a.bins ?? b.bins) : a.bins.map((count, i) => count + b.bins![i]!),
  };
}

/** Mean and squares by the formula of Chan, Golub and LeVeque (1979), which loses no digits of what lies close together. */
function mergeNumbers(a: NumberStatistics | null, b: NumberStatistics | null): NumberStatistics | null {
  if (a === null || b === null) return a ?? b;
  const count = a.count + b.count;
  const apart = b.mean - a.mean;
  const isFar = !Number.isFinite(apart * b.count);
  const squares = (a.squares ?? Infinity) + (b.squares ?? Infinity) + (apart * apart * a.count * b.count) / count;
  const min = Math.min(a.min, b.min);
  const max = Math.max(a.max, b.max);
  return {
    count,
    min,
    max,
    mean: isFar ? a.mean * (a.count / count) + b.mean * (b.count / count) : a.mean + (apart * b.count) / count,
    squares: Number.isFinite(squares) ? squares : null,
    histogram:
      a.histogram === null || b.histogram === null ? null : mergeHistograms(a.histogram, b.histogram, min, max),
  };
}

function mergeValues(a: ValueCounts, b: ValueCounts): ValueCounts {
  if (a.count === 0 || b.count === 0) return a.count === 0 ? b : a;
  const values: ValueCount[] = [];
  for (let i = 0, j = 0; values.length < MOST_VALUES && (i < a.values.length || j < b.values.length); ) {
    const [left, right] = [a.values[i], b.values[j]];
    if (left !== undefined && left[0] === right?.[0]) {
      values.push([left[0], left[1], left[2] + right[2]]);
      i += 1;
      j += 1;
    } else if (right === undefined || (left !== undefined && left[0] < right[0])) {
      values.push(left!);
      i += 1;
    } else {
      values.push(right);
      j += 1;
    }
  }
  return { count: a.count + b.count, values };
}
