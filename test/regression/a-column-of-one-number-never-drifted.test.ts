import { expect, test } from 'vitest';
import { driftOf } from '../../src/monitoring/drift.ts';
import { baselineOfColumn, statisticsOfColumn } from '../support/one-column.ts';

const repeated = (value: number, count: number): readonly number[] => Array.from({ length: count }, () => value);
const hundredths = Array.from({ length: 40 }, (_, i) => i / 100);

// All numbers were one interval where the baseline had a single number, or hardly any but its greatest one: whatever came later was no drift.
test.each([
  ['of one number', repeated(5, 960), 5],
  ['of zeros', repeated(0, 960), 0],
  ['of the least number', repeated(-Number.MAX_VALUE, 100), -Number.MAX_VALUE],
  ['that is 1 but for a few smaller numbers', [...hundredths, ...repeated(1, 960)], 1],
])('a column %s drifts when other numbers come, and not when the same come', async (_, before, usual) => {
  const baseline = await baselineOfColumn(before);
  const drift = (cells: readonly number[]) => driftOf(statisticsOfColumn(cells, baseline), baseline, 0.15).features[0]!;
  expect(drift(before)).toMatchObject({ psi: 0, hasDrifted: false });
  expect(drift([...before, ...before, ...before])).toMatchObject({ psi: 0, hasDrifted: false });
  for (const other of [usual + 1, usual - 1, usual / 2 + 3].filter(
    (value) => Number.isFinite(value) && value !== usual,
  ))
    expect(drift(repeated(other, 500)), String(other)).toMatchObject({ hasDrifted: true });
});

test('its bins are called by the number', async () => {
  const baseline = await baselineOfColumn(repeated(2.5, 100));
  const { bins } = driftOf(statisticsOfColumn([1, 2.5, 2.5, 7], baseline), baseline, 0.15).features[0]!;
  expect(bins.map(({ name, share }) => [name, share])).toEqual([
    ['below 2.5', 0.25],
    ['2.5', 0.5],
    ['above 2.5', 0.25],
    ['(no number)', 0],
    ['(missing)', 0],
  ]);
});
