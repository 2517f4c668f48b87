import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Claim, fairParts } from '../../../../src/scoring/limiter/fair-parts.ts';

const claim: fc.Arbitrary<Claim> = fc.record({
  priority: fc.constantFrom('live', 'batch'),
  maxShare: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 1, noNaN: true })),
  wants: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 50, noNaN: true })),
});
const all = fc.double({ min: 0, max: 100, noNaN: true });
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const CHANCE = 1e-6;

test('nobody has more than he wants or may have, and all together no more than there is', () => {
  fc.assert(
    fc.property(all, fc.array(claim), (bears, claims) => {
      const parts = fairParts(bears, claims);
      expect(sum(parts)).toBeLessThanOrEqual(bears + CHANCE);
      for (const [at, { wants, maxShare }] of claims.entries())
        expect(parts[at]).toBeLessThanOrEqual(Math.min(wants, maxShare * bears) + CHANCE);
    }),
  );
});

test('nothing is left while somebody wants more and may have it', () => {
  fc.assert(
    fc.property(all, fc.array(claim), (bears, claims) => {
      const parts = fairParts(bears, claims);
      const most = claims.map(({ wants, maxShare }) => Math.min(wants, maxShare * bears));
      expect(sum(parts)).toBeCloseTo(Math.min(bears, sum(most)), 6);
    }),
  );
});

test('within a rank who has less than another has all that he wants or may have; batch users have what live ones leave', () => {
  fc.assert(
    fc.property(all, fc.array(claim), (bears, claims) => {
      const parts = fairParts(bears, claims);
      for (const [a, mine] of claims.entries())
        for (const [b, other] of claims.entries()) {
          const isFull = parts[a]! >= Math.min(mine.wants, mine.maxShare * bears) - CHANCE;
          const goesFirst = mine.priority === 'live' && other.priority === 'batch';
          if (mine.priority === other.priority && parts[a]! < parts[b]! - CHANCE) expect(isFull).toBe(true);
          if (goesFirst && parts[b]! > CHANCE) expect(isFull).toBe(true);
        }
    }),
  );
});

test('every process comes to the same parts, in whatever order it heard of the others', () => {
  fc.assert(
    fc.property(all, fc.array(claim, { minLength: 1 }), fc.nat(), (bears, claims, by) => {
      const turn = by % claims.length;
      const turned = [...claims.slice(turn), ...claims.slice(0, turn)];
      const parts = fairParts(bears, claims);
      for (const [at, part] of fairParts(bears, turned).entries())
        expect(part).toBeCloseTo(parts[(at + turn) % claims.length]!, 6);
    }),
  );
});
