import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameList, nearestNames } from '../../../../src/scoring/output/nearest-name.ts';

test('typing errors, case, separators and parts of names are recognised, the nearest first', () => {
  const names = ['passthroughColumns', 'passthroughColumnsSet', 'chunkSize', 'numConcurrent'];
  expect(nearestNames('passthrouhgColumns', names)[0]).toBe('passthroughColumns');
  expect(nearestNames('num_concurrent', names)).toEqual(['numConcurrent']);
  expect(nearestNames('concurrent', names)).toEqual(['numConcurrent']);
  expect(nearestNames('kafka', names)).toEqual([]);
});

test('a name itself is always the nearest', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 8 }),
      fc.nat(),
      (names, pick) => {
        const name = names[pick % names.length]!;
        const near = nearestNames(name, names, names.length);
        expect(near).toContain(name);
      },
    ),
  );
});

test('long lists are cut', () => {
  expect(nameList(['a', 'b', 'c'], 2)).toBe('"a", "b" and 1 more');
});
