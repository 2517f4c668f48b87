import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { floatText } from '../../../src/core/float-text.ts';
import { CategoryCodes } from '../../../src/model-server/category-codes.ts';
import { columnEncoders } from '../../../src/model-server/column-encoder.ts';
import { datePart, readDate } from '../../../src/model-server/date-cell.ts';
import { numberOfBytes, numberOfText } from '../../../src/model-server/number-cell.ts';

const number = (text: string): number | null => {
  // In the middle of other bytes, as in a body.
  const bytes = Buffer.from(`9${text}9`);
  return numberOfBytes(bytes, 1, bytes.length - 1);
};

test('numbers are read as JavaScript reads them, to the last bit', () => {
  const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }), fc.nat(20)).map(([digits, point]) => {
    const text = String(digits < 0n ? -digits : digits).padStart(point + 1, '0');
    return `${digits < 0n ? '-' : ''}${text.slice(0, text.length - point)}.${text.slice(text.length - point)}`;
  });
  fc.assert(
    fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), decimal), (text) => {
      expect(number(text)).toBe(Number(text));
      expect(numberOfText(text)).toBe(Number(text));
    }),
  );
});

test('words for missing values are missing, and what is no number is none', () => {
  for (const text of ['', 'NA', 'NaN', 'null', 'None']) expect(number(text)).toBeNaN();
  for (const text of ['abc', '-', '.', '1.2.3', '0x10', '1_000', '1,5', 'Infinity', '12abc', '--1', '1e']) {
    expect(number(text), text).toBeNull();
  }
  expect(number(' 12 ')).toBe(12);
  expect(number('+1.5e2')).toBe(150);
});

const parts = (text: string): readonly number[] | null => {
  const date = { year: 0, month: 0, day: 0, hour: 0 };
  const bytes = Buffer.from(`x${text}x`);
  if (!readDate(bytes, 1, bytes.length - 1, date)) return null;
  return (['year', 'month', 'day', 'weekday', 'hour'] as const).map((part) => datePart(date, part));
};

test('dates give the parts that the calendar gives', () => {
  const dates = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(dates, (date) => {
      const iso = date.toISOString();
      const weekday = (date.getUTCDay() + 6) % 7;
      const expected = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), weekday, date.getUTCHours()];
      const spaced = iso.slice(0, 19).replace('T', ' ');
      for (const text of [iso, spaced, spaced.slice(0, 16), spaced.replaceAll('-', '/'), `${spaced}+02:00`]) {
        expect(parts(text), text).toEqual(expected);
      }
      expect(parts(iso.slice(0, 10))).toEqual([...expected.slice(0, 4), 0]);
    }),
  );
});

test('what is no date is none', () => {
  const wrong = ['', '2001-02-29', '1900-02-29', '2001-13-01', '2001-00-10', '2001-04-31', '2001-1-01', '01/02/2001'];
  const times = [
    '2001-01-01 24:00',
    '2001-01-01 12:60',
    '2001-01-01 1:00',
    '2001-01-01 noon!',
    '2001-01-01 12:00pm',
    '2001-01-01 12:00:61',
  ];
  for (const text of [...wrong, ...times, '2001-01/01', 'yesterday..']) expect(parts(text), text).toBeNull();
  expect(parts('2000-02-29')).not.toBeNull();
});

test('every category is found under its code, and no other text is', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 6 })), fc.string(), (categories, other) => {
      const codes = new CategoryCodes(categories);
      for (const [code, text] of categories.entries()) {
        const bytes = Buffer.from(`.${text}.`);
        expect(codes.find(bytes, 1, bytes.length - 1)).toBe(code);
      }
      const bytes = Buffer.from(other);
      if (!categories.includes(other)) expect(codes.find(bytes, 0, bytes.length)).toBeNaN();
    }),
  );
});

test('a number past the range of float32 cannot be scored', () => {
  const [column] = columnEncoders([{ name: 'a', column: 'a', type: 'number' }]);
  const encode = (text: string): boolean => column!.encode(Buffer.from(text), 0, text.length, new Float32Array(1), 0);
  expect(encode('3.4028234e38')).toBe(true);
  expect(encode('3.5e38')).toBe(false);
});

test('a float32 number is written so that it is the same float32 again, in at most nine digits', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = floatText(value);
      expect(Math.fround(Number(text))).toBe(value === 0 ? 0 : value);
      expect(
        text
          .replace(/e.*/, '')
          .replace(/^-?0?\.?0*/, '')
          .replace('.', '')
          .replace(/0+$/, '').length,
      ).toBeLessThanOrEqual(9);
    }),
  );
});
