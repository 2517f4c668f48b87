import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ColumnProfile, ColumnStatistics } from '../../../connectors/catalog/column-statistics.ts';
import { DistinctSketch } from '../../../connectors/catalog/distinct-sketch.ts';
import type { Value } from '../../../src/core/value.ts';

function profileOf(values: readonly Value[]): ColumnProfile {
  const statistics = new ColumnStatistics({ name: 'c' });
  for (const value of values) statistics.add(value);
  return statistics.profile();
}

describe('the number of different values', () => {
  test.each([1, 10, 100, 1_000, 10_000, 300_000])('is exact or within 6 percent for %i of them', (many) => {
    const forms: readonly ((i: number) => string)[] = [
      (i) => String(i),
      (i) => `user-${i}@example.com`,
      (i) => (i / 7).toFixed(6),
    ];
    for (const form of many < 100_000 ? forms : forms.slice(0, 1)) {
      const sketch = new DistinctSketch();
      for (let i = 0; i < many; i += 1) sketch.add(form(i));
      expect(Math.abs(sketch.estimate() - many)).toBeLessThanOrEqual(many <= 2_000 ? 0 : 0.06 * many);
    }
  });

  test('does not depend on the order, or on how often each comes', () => {
    const words = fc.array(fc.string(), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(words, (texts) => {
        const [one, two] = [new DistinctSketch(), new DistinctSketch()];
        for (const text of texts) one.add(text);
        for (const text of [...texts, ...texts].toReversed()) two.add(text);
        expect(one.estimate()).toBe(two.estimate());
        expect(Math.abs(one.estimate() - new Set(texts).size)).toBe(0);
      }),
    );
  });
});

describe('a profile', () => {
  test('has the counts, bounds and mean of numbers as a plain computation gives them', () => {
    const cells = fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(cells, (values) => {
        // As text minus zero is zero.
        const numbers = values.filter((value) => value !== null).map((value) => value + 0);
        const profile = profileOf(values.map((value) => (value === null ? null : String(value))));
        expect(profile.count).toBe(numbers.length);
        expect(profile.nulls).toBe(values.length - numbers.length);
        if (numbers.length === 0) {
          expect(profile).toMatchObject({ type: 'string', min: null, max: null, mean: null, distinct: 0 });
          return;
        }
        expect(profile.min).toBe(Math.min(...numbers));
        expect(profile.max).toBe(Math.max(...numbers));
        const mean = numbers.reduce((a, b) => a + b / numbers.length, 0);
        expect(Math.abs(profile.mean! - mean)).toBeLessThanOrEqual(1e-6 * Math.max(1, ...numbers.map(Math.abs)));
      }),
    );
  });

  test.each([
    [['1', '-20', '0'], 'integer'],
    [['1', '2.5', '1e3', '-.5'], 'number'],
    [['007', '008'], 'string'],
    [['true', 'FALSE'], 'boolean'],
    [['2026-01-31', '1999-12-01'], 'date'],
    [['2026-01-31T10:00', '2026-01-31 10:00:01.5Z'], 'timestamp'],
    [['2026-01-31', '2026-01-31T10:00'], 'string'],
    [['1', 'x'], 'string'],
    [['1', ''], 'string'],
    [[null, null], 'string'],
  ])('of %j tells the type %s', (values, type) => {
    expect(profileOf(values).type).toBe(type);
  });

  test('keeps the type that the source gives', () => {
    const statistics = new ColumnStatistics({ name: 'c', type: 'timestamp' });
    statistics.add('1');
    expect(statistics.profile()).toMatchObject({ type: 'timestamp', min: '1', mean: null });
  });

  test('orders texts, and cuts long ones', () => {
    expect(profileOf(['b', 'a', 'c'.repeat(1_000)])).toMatchObject({ min: 'a', max: 'c'.repeat(200), mean: null });
  });
});
