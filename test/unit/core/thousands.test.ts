import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { thousands } from '../../../src/core/thousands.ts';

test.each([0, 1])('a number with %i digits behind the point is grouped as Intl does it', (digits) => {
  const intl = new Intl.NumberFormat('en-US', { maximumFractionDigits: digits });
  const numbers = fc.oneof(
    fc.integer({ min: -1e15, max: 1e15 }),
    // Sixteenths are exact: no rule of rounding is asked about digits that are not there.
    fc.integer({ min: 0, max: 1e9 }).map((sixteenths) => sixteenths / 16),
  );
  fc.assert(
    fc.property(numbers, (value) => {
      expect(thousands(value, digits)).toBe(intl.format(value));
    }),
  );
});
