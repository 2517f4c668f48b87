import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRecord, fieldEnd } from '../../../src/core/canonical-csv.ts';
import { Cell } from '../../../src/monitoring/cell.ts';
import { IntervalLookup } from '../../../src/monitoring/interval-lookup.ts';

const encoder = new TextEncoder();
const text = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc
    .tuple(fc.constantFrom('', '-', '+', ' '), fc.integer(), fc.constantFrom('', '.', '.5', '.000', 'e3', '.1.2'))
    .map((parts) => parts.join('')),
  fc.stringMatching(/^[-+.eE0-9]{0,24}$/),
  fc.string(),
  fc.constantFrom('NA', 'NaN', 'null', '1,5', 'Infinity', '-', '.', '1e999'),
);

describe('a cell', () => {
  test('ends where the field does, and is the number that its text is', () => {
    fc.assert(
      fc.property(text, fc.option(text), (written, next) => {
        const bytes = encoder.encode(encodeRecord(next === null ? [written] : [written, next]));
        const cell = new Cell();
        expect(cell.number(bytes, 0)).toBe(fieldEnd(bytes, 0));
        const isNumber =
          /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(written) && Number.isFinite(Number(written));
        if (isNumber) expect(cell.value).toBe(Number(written));
        else expect(cell.value).toBeNaN();
        expect(cell.text(bytes, 0)).toBe(fieldEnd(bytes, 0));
      }),
      { numRuns: 2_000 },
    );
  });

  test('has the same hash wherever it stands, and another for another text', () => {
    const hashes = new Map<number, string>();
    const cell = new Cell();
    for (let i = 0; i < 50_000; i += 1) {
      const written = i % 2 === 0 ? `value ${i}` : `${i},"x"`;
      const bytes = encoder.encode(encodeRecord(['before', written, 'behind']));
      cell.text(bytes, 7);
      expect(hashes.has(cell.hash)).toBe(false);
      hashes.set(cell.hash, written);
      if (i % 100 > 0) continue;
      const { hash } = cell;
      cell.text(encoder.encode(encodeRecord([written])), 0);
      expect(cell.hash).toBe(hash);
    }
  });
});

test('the interval of a number is that of a plain search among the edges', () => {
  const edge = fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: -20, max: 20 }));
  fc.assert(
    fc.property(fc.uniqueArray(edge, { maxLength: 9 }), fc.array(edge), (given, more) => {
      const edges = given.filter(Number.isFinite).toSorted((a, b) => a - b);
      const lookup = new IntervalLookup(edges);
      for (const value of [...edges, ...more]) expect(lookup.of(value)).toBe(edges.filter((e) => value > e).length);
    }),
    { numRuns: 1_000 },
  );
});
