import { expect, test } from 'vitest';
import { qualitativeStrength } from '../../../src/core/qualitative-strength.ts';

// Share of the row's absolute strengths, number of columns, signs.
const table: readonly (readonly [number, number, string])[] = [
  [0.001, 1, '+++'],
  [0.0009, 1, '<+'],
  [0.76, 2, '+++'],
  [0.75, 2, '++'],
  [0.26, 2, '++'],
  [0.25, 2, '+'],
  [0.51, 4, '+++'],
  [0.5, 4, '++'],
  [0.126, 4, '++'],
  [0.125, 4, '+'],
  [0.001, 4, '+'],
  [0.21, 10, '+++'],
  [0.2, 10, '++'],
  [0.051, 12, '++'],
  [0.05, 12, '+'],
];

test('qualitative strength follows the share of the strength and the number of columns, with the sign of the strength', () => {
  for (const [share, columns, signs] of table) {
    expect(qualitativeStrength(share * 8, 8, columns), `${share} of ${columns}`).toBe(signs);
    expect(qualitativeStrength(-share * 8, 8, columns)).toBe(signs.replaceAll('+', '-'));
  }
  expect(qualitativeStrength(0, 0, 3)).toBe('<+');
});
