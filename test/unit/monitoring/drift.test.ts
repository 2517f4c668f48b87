import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRecords } from '../../../src/core/canonical-csv.ts';
import { RowBatch } from '../../../src/core/row-batch.ts';
import { schemaOf } from '../../../src/core/schema.ts';
import type { Statistics } from '../../../src/core/statistics.ts';
import type { Value } from '../../../src/core/value.ts';
import type { Baseline } from '../../../src/monitoring/baseline.ts';
import { createMonitor } from '../../../src/monitoring/batch-monitor.ts';
import { buildBaseline } from '../../../src/monitoring/build-baseline.ts';
import { driftOf, stabilityIndex } from '../../../src/monitoring/drift.ts';
import { seededRandom } from '../../support/memory-kafka/seeded-random.ts';

const columns = ['id', 'size', 'flag', 'city', 'note'];
const origin = { split: 's', firstRow: 0, after: null, position: 0, rejected: [] };

function batchOf(rows: readonly (readonly Value[])[]): RowBatch {
  const { bytes, ends } = encodeRecords(rows);
  return RowBatch.fromCsv(schemaOf(columns), origin, bytes, ends);
}

async function baselineOf(rows: readonly (readonly Value[])[]): Promise<Baseline> {
  const half = rows.length >> 1;
  const built = await buildBaseline({
    name: 'rows',
    read: async function* () {
      yield batchOf(rows.slice(0, half));
      yield batchOf(rows.slice(half));
    },
    choose: (names) => names,
    labels: () => [],
  });
  return { version: 1, source: '', created: '', rows: built.rows, features: built.columns, predictions: [] };
}

function statisticsOf(rows: readonly (readonly Value[])[], baseline: Baseline): Statistics {
  const scores = {
    rows: rows.length,
    columns: [{ name: 'y_PREDICTION', role: { kind: 'prediction' as const } }],
    ...encodeRecords(rows.map(() => [1])),
    failures: [],
    model: null,
  };
  return createMonitor({ statistics: { baseline, every: 1 }, associationId: null }).observe(batchOf(rows), scores)
    .statistics!;
}

/** Rows with another centre and other cities when they are shifted. */
function rowsOf(count: number, seed: number, shift = 0): readonly (readonly Value[])[] {
  const random = seededRandom(seed);
  const cities = ['Oslo', 'Rome', 'Bonn', 'Nice'];
  return Array.from({ length: count }, (_, i) => [
    i,
    Number((random() + random() + random() + shift).toFixed(4)),
    random() < 0.1 + shift / 2 ? 1 : 0,
    random() < 0.05 ? null : cities[Math.min(3, Math.floor(4 * random() ** (1 + 3 * shift)))]!,
    `note ${random()}`,
  ]);
}

describe('drift against a baseline', () => {
  test('is exactly nothing for the baseline’s own rows, in whatever order', async () => {
    const rows = rowsOf(2_000, 1);
    const baseline = await baselineOf(rows);
    const drift = driftOf(statisticsOf(rows.toReversed(), baseline), baseline, 0.15);
    expect(drift.features.map(({ name, psi }) => [name, psi])).toEqual([
      ['id', null],
      ['size', 0],
      ['flag', 0],
      ['city', 0],
      ['note', null],
    ]);
  });

  test('stays below the threshold for other rows of the same kind, and passes it for shifted ones', async () => {
    const baseline = await baselineOf(rowsOf(5_000, 2));
    const same = driftOf(statisticsOf(rowsOf(3_000, 3), baseline), baseline, 0.15);
    expect(same.features.map(({ hasDrifted }) => hasDrifted)).toEqual([false, false, false, false, false]);
    for (const { psi } of same.features) expect(psi ?? 0).toBeLessThan(0.02);
    const other = driftOf(statisticsOf(rowsOf(3_000, 3, 0.6), baseline), baseline, 0.15);
    expect(other.features.map(({ hasDrifted }) => hasDrifted)).toEqual([false, true, true, true, false]);
  });

  test('sees what is missing, no number, and never seen before', async () => {
    const baseline = await baselineOf(rowsOf(1_000, 4));
    const rows = rowsOf(1_000, 5).map(([id, size, flag, city, note], i) => [
      id!,
      i % 2 === 0 ? null : i % 5 === 0 ? 'much' : size!,
      flag!,
      i % 4 === 0 ? 'Atlantis' : city!,
      note!,
    ]);
    const [, size, , city] = driftOf(statisticsOf(rows, baseline), baseline, 0.15).features;
    expect(size).toMatchObject({ missingShare: 0.5, baselineMissingShare: 0, unseen: 100, hasDrifted: true });
    expect(city).toMatchObject({ unseen: 250, hasDrifted: true });
    const shareOf = (name: string): number | undefined => city!.bins.find((bin) => bin.name === name)?.share;
    expect(shareOf('(unseen)')).toBe(0.25);
    for (const { bins } of [size!, city!]) expect(bins.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  test('cuts numbers at deciles, few numbers one by one, and does not track what names the row', async () => {
    const { features } = await baselineOf(rowsOf(2_000, 6));
    const [id, size, flag, city, note] = features;
    expect([id!.kind, note!.kind]).toEqual(['untracked', 'untracked']);
    expect(flag).toMatchObject({ kind: 'number', edges: [0] });
    expect(city).toMatchObject({ kind: 'category', others: [], isComplete: true });
    expect(size!.statistics.bins!.length).toBe(10);
    for (const count of size!.statistics.bins!) expect(Math.abs(count - 200)).toBeLessThan(5);
  });
});

describe('the population stability index', () => {
  test('is that of the formula', () => {
    const expected = 0.1 * Math.log(0.6 / 0.5) + -0.1 * Math.log(0.4 / 0.5);
    expect(stabilityIndex([50, 50], [600, 400])).toBeCloseTo(expected, 12);
  });

  test('is 0 for the same shares, never negative, finite with empty bins, and null without rows', () => {
    const counts = fc.array(fc.nat(1_000), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 9 }), fc.func(fc.nat(1_000)), (expected, times, other) => {
        const total = expected.reduce((sum, count) => sum + count, 0);
        const scaled = stabilityIndex(
          expected,
          expected.map((count) => times * count),
        );
        if (total === 0) expect(scaled).toBeNull();
        else expect(scaled).toBeCloseTo(0, 12);
        const index = stabilityIndex(expected, expected.map(other));
        if (index !== null) expect(index).toBeGreaterThanOrEqual(-1e-12);
        expect(index === null || Number.isFinite(index)).toBe(true);
      }),
    );
  });
});
