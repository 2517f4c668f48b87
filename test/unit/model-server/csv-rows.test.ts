import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../../src/core/byte-writer.ts';
import { columnEncoders } from '../../../src/model-server/column-encoder.ts';
import { readCsvRows } from '../../../src/model-server/csv-rows.ts';
import type { InputRows } from '../../../src/model-server/input-rows.ts';

const encoders = columnEncoders([{ name: 'n', column: 'n', type: 'number' }]);

function read(text: string): InputRows {
  return readCsvRows(Buffer.from(text), { encoders, features: 1, keep: (columns) => [...columns.keys()] });
}

function write({ text, quoted }: { readonly text: string; readonly quoted: boolean }): string {
  return quoted || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

test('cells come out as they were written, for any quotes, line ends, and texts', () => {
  const cell = fc.record({
    text: fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', '\r', ' ', '0') }),
    quoted: fc.boolean(),
  });
  const row = fc.tuple(fc.nat(), cell, cell);
  const property = fc.property(
    fc.array(row, { minLength: 1, maxLength: 12 }),
    fc.constantFrom('\n', '\r\n', '\r', '\n\n'),
    fc.boolean(),
    fc.boolean(),
    (rows, end, lastEnd, bom) => {
      const lines = rows.map(([n, a, b]) => [n, write(a), write(b)].join(','));
      const result = read(`${bom ? '\uFEFF' : ''}n,"a ""b""",c${end}${lines.join(end)}${lastEnd ? end : ''}`);
      expect(result.columns).toEqual(['n', 'a "b"', 'c']);
      expect(result.count).toBe(rows.length);
      for (const [i, [n, ...cells]] of rows.entries()) {
        expect(result.matrix[i]).toBe(Math.fround(n));
        for (const [j, { text, quoted }] of cells.entries()) {
          expect(result.text(i, j + 1)).toBe(text === '' && !quoted ? null : text);
          const out = new ByteWriter(0);
          result.writeCsv(i, j + 1, out);
          expect(out.written.toString()).toBe(write(cells[j]!));
        }
      }
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('more rows than there is room for at first are all there', () => {
  const rows = Array.from({ length: 5000 }, (_, i) => `${i},x${i}`);
  const result = read(`n,b\n${rows.join('\n')}\n`);
  expect(result.count).toBe(5000);
  for (const i of [0, 1023, 1024, 2047, 4999]) expect([result.matrix[i], result.text(i, 1)]).toEqual([i, `x${i}`]);
});

const malformed: readonly (readonly [string, string, number | undefined, RegExp])[] = [
  ['too few fields', 'n,b\n1,2\n3\n', 1, /^row 1: it has 1 fields, the header 2/],
  ['too many fields', 'n,b\n1,2,"3,4",5\n', 0, /^row 0: it has 4 fields, the header 2/],
  ['an unclosed quote', 'n,b\n1,2\n3,"4\n5,6\n', 1, /^row 1: a quote is never closed/],
  ['text behind a quote', 'n,b\n1,"2"x\n', 0, /^row 0: text follows a closing quote/],
  ['a quote within a field', 'n,b\n1,2\n\n1,2"2\n', 1, /^row 1: a quote stands within/],
  ['no rows', 'n,b\n\n', undefined, /a header and no rows/],
  ['nothing', '\r\n', undefined, /The body is empty/],
  ['a column twice', 'n,b,b\n1,2,3\n', undefined, /"b" occurs twice/],
  ['no column of the feature', 'm,b\n1,2\n', undefined, /The column "n" of the model's features is missing/],
];

for (const [name, text, row, message] of malformed) {
  test(`a body with ${name} is refused, with the row where one is to blame`, () => {
    const refusal = { code: 'REQUEST_INVALID', status: 422, row, message: expect.stringMatching(message) };
    expect(() => read(text)).toThrow(expect.objectContaining(refusal));
  });
}

test('a cell that is no number makes its row fail, with the column and the value, and no other', () => {
  const result = read(`n\n1\nabc\n"x""y"\n${'z'.repeat(500)}\n""\n2\n`);
  expect([...result.failures.keys()]).toEqual([1, 2, 3]);
  expect(result.failures.get(1)).toBe('Column "n": "abc" is not a number.');
  expect(result.failures.get(2)).toBe('Column "n": "x"y" is not a number.');
  expect(result.failures.get(3)!.length).toBeLessThan(150);
  expect(result.matrix[4]).toBeNaN();
  expect(result.matrix[5]).toBe(2);
});
