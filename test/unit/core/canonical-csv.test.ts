import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeField, decodeRecord, encodeRecords, fieldBounds } from '../../../src/core/canonical-csv.ts';

const value = fc.oneof(
  { weight: 1, arbitrary: fc.constant(null) },
  {
    weight: 4,
    arbitrary: fc.string({ unit: fc.constantFrom('a', 'é', '漢', ',', '"', '\n', '\r', ' '), maxLength: 8 }),
  },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom('x', '"'), minLength: 60, maxLength: 90 }) },
);
const table = fc
  .integer({ min: 1, max: 5 })
  .chain((columns) => fc.array(fc.array(value, { minLength: columns, maxLength: columns }), { maxLength: 8 }));

test('records come back as they were encoded, but for a single null, which no line can hold', () => {
  fc.assert(
    fc.property(table, (records) => {
      const { bytes, ends } = encodeRecords(records);
      const back = records.map((_, i) => decodeRecord(bytes, i === 0 ? 0 : ends[i - 1]!, ends[i]!));
      expect(back).toEqual(records.map((record) => (record.length === 1 && record[0] === null ? [''] : record)));
    }),
  );
});

test('the bounds of the fields are those that the fields have, for as many as are asked', () => {
  fc.assert(
    fc.property(table, fc.integer({ min: 1, max: 7 }), (records, room) => {
      const { bytes, ends } = encodeRecords(records);
      for (const [i] of records.entries()) {
        const start = i === 0 ? 0 : ends[i - 1]!;
        const bounds = new Uint32Array(2 * room);
        const found = fieldBounds(bytes, start, bounds);
        const all = decodeRecord(bytes, start, ends[i]!);
        expect(found).toBe(Math.min(room, all.length));
        const fields = Array.from({ length: found }, (_, k) => decodeField(bytes, bounds[2 * k]!, bounds[2 * k + 1]!));
        expect(fields).toEqual(all.slice(0, found));
      }
    }),
  );
});

test('numbers, booleans and big integers are written as their text, unquoted', () => {
  const { bytes } = encodeRecords([[1.5, -0, true, 12345678901234567890n, 1e21, null]]);
  expect(Buffer.from(bytes).toString()).toBe('1.5,0,true,12345678901234567890,1e+21,\n');
});
