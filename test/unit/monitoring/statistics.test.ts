import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRecords } from '../../../src/core/canonical-csv.ts';
import { bucketBounds, histogramOf, MOST_BUCKETS } from '../../../src/core/linear-histogram.ts';
import { mergeStatistics } from '../../../src/core/merge-statistics.ts';
import { RowBatch } from '../../../src/core/row-batch.ts';
import { schemaOf } from '../../../src/core/schema.ts';
import type { Scores } from '../../../src/core/scorer.ts';
import { MOST_VALUES, type Statistics } from '../../../src/core/statistics.ts';
import type { Baseline } from '../../../src/monitoring/baseline.ts';
import { createMonitor } from '../../../src/monitoring/batch-monitor.ts';

type Row = readonly (string | null)[];

const columns = ['n', 'c', 'mixed'];
const blank = { missing: 0, numbers: null, texts: { count: 0, values: [] } };
const baseline: Baseline = {
  version: 1,
  source: '',
  created: '',
  rows: 0,
  features: [
    { kind: 'number', edges: [-1, 0, 2.5, 100], statistics: { name: 'n', ...blank, bins: [0, 0, 0, 0, 0] } },
    {
      kind: 'category',
      categories: ['a', 'b,"c"'],
      others: ['d'],
      isComplete: true,
      statistics: { name: 'c', ...blank, bins: [0, 0, 0, 0] },
    },
    { kind: 'untracked', statistics: { name: 'absent', ...blank, bins: null } },
  ],
  predictions: [],
};

function batchOf(rows: readonly Row[]): RowBatch {
  const origin = { split: 's', firstRow: 0, after: null, position: 0, rejected: [] };
  const { bytes, ends } = encodeRecords(rows);
  return RowBatch.fromCsv(schemaOf(columns), origin, bytes, ends);
}

/** Twice the first cell; rows whose text is `bad` failed. */
function scoresOf(rows: readonly Row[]): Scores {
  const failures = rows.flatMap(([, text], row) =>
    text === 'bad' ? [{ row, reason: `bad row ${row}`, attempts: 1 }] : [],
  );
  return {
    rows: rows.length,
    columns: [{ name: 'y_PREDICTION', role: { kind: 'prediction' } }],
    ...encodeRecords(rows.map(([n]) => [2 * (Number(n) || 0)])),
    failures,
    model: null,
  };
}

function statisticsOf(rows: readonly Row[], known: Baseline | null): Statistics {
  const monitor = createMonitor({ statistics: { baseline: known, every: 1 }, associationId: null });
  return monitor.observe(batchOf(rows), scoresOf(rows)).statistics!;
}

/** Sums of doubles depend on their order in the last digits; nothing else may. */
function expectSame(found: Statistics, wanted: Statistics): void {
  const exact = (statistics: Statistics): unknown =>
    JSON.parse(JSON.stringify(statistics, (key, value: unknown) => (key === 'mean' || key === 'squares' ? 0 : value)));
  expect(exact(found)).toEqual(exact(wanted));
  const numbersOf = ({ features, predictions }: Statistics) =>
    [...features, ...predictions].map(({ numbers }) => numbers);
  numbersOf(found).forEach((numbers, i) => {
    if (numbers === null) return;
    const { mean, squares, count, min, max } = numbersOf(wanted)[i]!;
    const size = Math.max(Math.abs(min), Math.abs(max), Number.MIN_VALUE);
    expect(Math.abs(numbers.mean - mean) / size).toBeLessThan(1e-12);
    expect(Math.abs(numbers.squares! - squares!) / (count * size * size || 1)).toBeLessThan(1e-12);
  });
}

const number = fc.oneof(
  fc.integer({ min: -300, max: 300 }).map((n) => String(n / 8)),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }).map(String),
  fc.constantFrom('0', '-0', '1e3', '7.', '+4', '.5'),
);
const row = fc.tuple(
  fc.oneof({ weight: 4, arbitrary: number }, fc.constantFrom(null, 'NA', 'x')),
  fc.constantFrom(null, 'a', 'b,"c"', 'd', 'new', 'bad', ''),
  fc.oneof(
    number,
    fc.integer({ max: 99, min: 0 }).map((n) => `text ${n}`),
    fc.constant(null),
  ),
);
/** Rows, and where they are cut into batches. */
const cutRows = fc.array(fc.array(row, { minLength: 1, maxLength: 30 }), { minLength: 2, maxLength: 6 });

describe('statistics', () => {
  test.each([
    ['with a baseline', baseline],
    ['without one', null],
  ])('are the same in whatever batches the rows come, merged in any grouping (%s)', (_, known) => {
    fc.assert(
      fc.property(cutRows, fc.nat(), (batches, at) => {
        const parts = batches.map((rows) => statisticsOf(rows, known));
        const leftToRight = parts.reduce(mergeStatistics);
        const rightToLeft = parts.reduceRight((after, part) => mergeStatistics(part, after));
        const cut = 1 + (at % (parts.length - 1));
        const halves = mergeStatistics(
          parts.slice(0, cut).reduce(mergeStatistics),
          parts.slice(cut).reduceRight((after, part) => mergeStatistics(part, after)),
        );
        const atOnce = statisticsOf(batches.flat(), known);
        // A batch without a scored row knows no columns.
        if (atOnce.sampled === 0) return;
        expectSame(leftToRight, atOnce);
        expectSame(rightToLeft, atOnce);
        expectSame(halves, atOnce);
      }),
      { numRuns: 150 },
    );
  });

  test('count every cell of a scored row once, as a plain loop does', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), (rows) => {
        const scored = rows.filter(([, text]) => text !== 'bad');
        const found = statisticsOf(rows, baseline);
        expect(JSON.parse(JSON.stringify(found))).toEqual(found);
        expect(found.rows).toBe(scored.length);
        expect(found.refusals.count).toBe(rows.length - scored.length);
        if (scored.length === 0) return;
        const [n, c, absent] = found.features;
        const values = scored.flatMap(([cell]) =>
          cell === null || cell === 'NA' || cell === 'x' ? [] : [Number(cell)],
        );
        expect(n!.missing).toBe(scored.filter(([cell]) => cell === null || cell === 'NA').length);
        expect(n!.texts.count).toBe(scored.filter(([cell]) => cell === 'x').length);
        expect(n!.numbers?.count ?? 0).toBe(values.length);
        if (values.length > 0)
          expect(n!.numbers).toMatchObject({ min: Math.min(...values) + 0, max: Math.max(...values) + 0 });
        const edges = [-1, 0, 2.5, 100];
        expect(n!.bins).toEqual(
          [...edges, Infinity].map(
            (edge, i) => values.filter((v) => v <= edge && v > (edges[i - 1] ?? -Infinity)).length,
          ),
        );
        const count = (...texts: readonly string[]): number =>
          scored.filter(([, t]) => t !== null && texts.includes(t)).length;
        expect(c!.bins).toEqual([count('a'), count('b,"c"'), count('d'), count('new', '')]);
        expect(absent!.missing).toBe(scored.length);
      }),
      { numRuns: 200 },
    );
  });

  test('of a column with many texts keep exact counts of a bounded part of them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { minLength: 300, maxLength: 600 }), (picks) => {
        const rows = picks.map((pick): Row => ['1', 'a', `text ${pick}`]);
        const half = rows.length >> 1;
        const parts = [rows.slice(0, half), rows.slice(half)].map((part) => statisticsOf(part, null));
        const { texts } = mergeStatistics(parts[0]!, parts[1]!).features[2]!;
        expect(texts.count).toBe(rows.length);
        expect(texts.values.length).toBe(Math.min(MOST_VALUES, new Set(picks).size));
        for (const [, text, count] of texts.values)
          expect(count).toBe(picks.filter((pick) => `text ${pick}` === text).length);
      }),
      { numRuns: 30 },
    );
  });

  test('of one row in three are those of exactly these rows, whatever the batch holds besides', () => {
    const rows = Array.from({ length: 20 }, (_, i): Row => [String(i), i === 6 ? 'bad' : 'a', null]);
    const monitor = createMonitor({ statistics: { baseline, every: 3 }, associationId: null });
    const { rows: all, sampled, features } = monitor.observe(batchOf(rows), scoresOf(rows)).statistics!;
    expect({ all, sampled }).toEqual({ all: 19, sampled: 6 });
    expect(features[0]!.numbers).toMatchObject({ count: 6, min: 0, max: 18, mean: (0 + 3 + 9 + 12 + 15 + 18) / 6 });
  });

  test('are small: a batch of any size adds some hundred bytes for each column', () => {
    const rows = Array.from({ length: 5_000 }, (_, i): Row => [String(i / 7), `c${i}`, `text ${i} of many`]);
    expect(JSON.stringify(statisticsOf(rows, baseline)).length).toBeLessThan(1_500);
    expect(JSON.stringify(statisticsOf(rows, null)).length).toBeLessThan(6_000);
  });
});

describe('a linear histogram', () => {
  test('has each number in the bucket whose bounds hold it, in a bounded number of buckets', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 40 }),
        (list) => {
          const values = Float64Array.from(list);
          const histogram = histogramOf(values, values.length, Math.min(...list), Math.max(...list));
          expect(histogram.counts.length).toBeLessThanOrEqual(MOST_BUCKETS);
          histogram.counts.forEach((count, i) => {
            const [from, to] = bucketBounds(histogram, i);
            expect(list.filter((value) => value >= from && value < to).length).toBe(count);
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});
