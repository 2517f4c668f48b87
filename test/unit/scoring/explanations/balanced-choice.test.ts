import fc from 'fast-check';
import { expect, test } from 'vitest';
import { balancedChoice } from '../../../../src/scoring/explanations/balanced-choice.ts';

const cases = fc.record({
  rows: fc.integer({ min: 1, max: 60 }),
  traits: fc.integer({ min: 0, max: 4 }),
  share: fc.double({ min: 0.05, max: 1, noNaN: true }),
  seed: fc.integer({ min: 1, max: 1_000_000 }),
});

function traitsOf(rows: number, count: number, seed: number): readonly Float64Array[] {
  let state = seed;
  return Array.from({ length: count }, () =>
    Float64Array.from({ length: rows }, () => {
      state = (state * 48_271) % 2_147_483_647;
      return (state % 1_000) / 10;
    }),
  );
}

/** How far the means of the chosen rows are from those of all. */
function distance(traits: readonly Float64Array[], choice: readonly number[]): number {
  return traits.reduce((sum, trait) => {
    const all = trait.reduce((total, value) => total + value, 0) / trait.length;
    const own = choice.reduce((total, row) => total + trait[row]!, 0) / choice.length;
    return sum + (own - all) ** 2;
  }, 0);
}

test('a choice has as many different rows as it should, and means no farther from those of all than rows at even distances', () => {
  fc.assert(
    fc.property(cases, ({ rows, traits: count, share, seed }) => {
      const wanted = Math.max(1, Math.floor(rows * share));
      const traits = traitsOf(rows, count, seed);
      const choice = balancedChoice(traits, rows, wanted);
      expect(new Set(choice).size).toBe(wanted);
      expect(choice).toEqual(choice.toSorted((a, b) => a - b));
      const even = Array.from({ length: wanted }, (_, i) => Math.floor((i * rows) / wanted));
      expect(distance(traits, choice)).toBeLessThanOrEqual(distance(traits, even) + 1e-9);
      if (count === 0) expect(choice).toEqual(even);
    }),
  );
});

test('a choice of many rows has nearly the means of all', () => {
  const traits = traitsOf(500, 5, 11);
  const even = Array.from({ length: 50 }, (_, i) => i * 10);
  expect(distance(traits, balancedChoice(traits, 500, 50))).toBeLessThan(distance(traits, even) / 1_000);
});
