import { expect, test } from 'vitest';
import { mergeStatistics } from '../../src/core/merge-statistics.ts';
import { deviation, type Statistics } from '../../src/core/statistics.ts';
import { parseBaseline } from '../../src/jobs/description/baseline-file.ts';
import { baselineOfColumn, statisticsOfColumn } from '../support/one-column.ts';

const HUGE = Number.MAX_VALUE;
const columns: readonly { readonly cells: readonly number[] }[] = [
  { cells: [1e200, 1, 2, 3] },
  { cells: [HUGE, HUGE, 1, 2] },
  { cells: [HUGE, -HUGE, HUGE] },
];

const numbersOf = ({ features }: Statistics) => features[0]!.numbers!;
const asJson = (statistics: Statistics): Statistics => JSON.parse(JSON.stringify(statistics)) as Statistics;

// Sums past the range of doubles (the largest double is a usual mark for what is missing) were infinite, and null in JSON: `sluice baseline` made files that
// jobs refused, and a job that was continued from its ledger went on with a mean and a deviation of 0.
test.each(columns)('a baseline of $cells is read as it was made', async ({ cells }) => {
  const baseline = await baselineOfColumn(cells);
  expect(parseBaseline(JSON.stringify(baseline), 'baseline')).toEqual(baseline);
});

test.each(columns)('statistics of $cells survive JSON, and say no deviation', ({ cells }) => {
  const half = cells.length >> 1;
  const whole = statisticsOfColumn(cells, null);
  const [a, b] = [statisticsOfColumn(cells.slice(0, half), null), statisticsOfColumn(cells.slice(half), null)];
  const merged = mergeStatistics(asJson(a), asJson(b));
  for (const statistics of [whole, merged, mergeStatistics(merged, a)]) {
    expect(asJson(statistics)).toEqual(statistics);
    expect(deviation(numbersOf(statistics))).toBeNull();
  }
  const mean = cells.reduce((sum, cell) => sum + cell / cells.length, 0);
  for (const statistics of [whole, merged]) expect(Math.abs(numbersOf(statistics).mean / mean - 1)).toBeLessThan(1e-12);
});
