import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FormatName } from '../../../../src/codecs/object-format.ts';
import { columnNames, type Schema } from '../../../../src/core/schema.ts';
import { cellsOf, objectOf, readObject, writeObject } from './object-forms.ts';

const FORMATS = ['csv', 'jsonl', 'json', 'avro', 'parquet'] as const satisfies readonly FormatName[];

/** Text that formats write in ways of their own. NUL is no text for CSV of an intake. */
const AWKWARD = [
  '',
  ' ',
  '"',
  '""',
  'a"b',
  'a,b',
  'line\nline',
  'cr\r\nlf',
  '\t',
  '\\',
  '\\n',
  '007',
  '-0',
  '1e3',
  'null',
  'true',
  '{}',
  '[1]',
  '{"a":1}',
  '9007199254740993',
  '0.1000',
  '2026-01-02',
  '😀',
  'naïve 漢字',
  '\u2028',
  '\ufeffx',
];
const text = fc.oneof(
  fc.constantFrom(...AWKWARD),
  fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !value.includes('\0')),
);
const cell = fc.option(text, { nil: null });
const rowsOf = (columns: number): fc.Arbitrary<(string | null)[][]> =>
  fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 12 });

const untyped: Schema = { columns: [{ name: 'a' }, { name: 'the "b", c' }, { name: 'ä' }] };

describe.each(FORMATS)('rows in %s', (format) => {
  test('come through as they are, however the bytes and batches are cut, and from every position on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(rowsOf(3), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 5 }),
        async (batches, chunk, rows) => {
          const { bytes } = await writeObject(format, untyped, batches);
          const object = objectOf(bytes, chunk);
          const read = await readObject(object, { format, rows });
          expect(cellsOf(read)).toEqual(batches.flat());
          expect(columnNames(read[0]!.schema)).toEqual(columnNames(untyped));
          const whole = cellsOf(await readObject(object, { format, rows: 1000 }));
          expect(whole).toEqual(batches.flat());
          let done = 0;
          for (const batch of read) {
            done += batch.rows;
            const after = JSON.parse(JSON.stringify(batch.origin.position)) as never;
            const rest = await readObject(object, { format, rows, after });
            expect(cellsOf(rest)).toEqual(batches.flat().slice(done));
            expect(rest[0]?.origin.firstRow ?? done).toBe(done);
            if (rest[0] !== undefined) expect(rest[0].origin.after).toEqual(batch.origin.position);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  test('give the same bytes when a writer made anew continues behind any block, packed or not', async () => {
    const batches = Array.from({ length: 12 }, (_, i) =>
      Array.from({ length: 40 }, (_, row) => [i * 40 + row, `${'text '.repeat(200)}${row}`, row % 3 === 0 ? null : '']),
    );
    for (const compression of format === 'avro' || format === 'parquet'
      ? (['none'] as const)
      : (['none', 'gzip', 'zstd'] as const)) {
      const whole = await writeObject(format, untyped, batches, { compression });
      const pieces = await writeObject(format, untyped, batches, { compression, anew: true });
      expect(pieces.bytes.equals(whole.bytes)).toBe(true);
      const read = await readObject(objectOf(whole.bytes, 10_000, 'o', compression), { format });
      expect(cellsOf(read)).toEqual(
        batches.flat().map((row) => row.map((value) => (value === null ? null : String(value)))),
      );
    }
  });

  test('are none in an output without rows, which is sound', async () => {
    const { bytes } = await writeObject(format, untyped, []);
    expect(await readObject(objectOf(bytes), { format })).toEqual([]);
  });

  test('can be read in part, in another order', async () => {
    const { bytes } = await writeObject(format, untyped, [
      [
        ['1', null, '3'],
        ['4', '', '6'],
      ],
    ]);
    const read = await readObject(objectOf(bytes), { format, columns: ['ä', 'the "b", c'] });
    expect(columnNames(read[0]!.schema)).toEqual(['ä', 'the "b", c']);
    expect(cellsOf(read)).toEqual([
      ['3', null],
      ['6', ''],
    ]);
    const first = (await readObject(objectOf(bytes), { format, rows: 1, columns: ['ä'] }))[0]!;
    const rest = await readObject(objectOf(bytes), { format, columns: ['ä'], after: first.origin.position });
    expect(cellsOf(rest)).toEqual([['6']]);
  });
});

const typed: Schema = {
  columns: [
    { name: 'flag', type: 'boolean' },
    { name: 'id', type: 'integer' },
    { name: 'score', type: 'number' },
    { name: 'amount', type: 'decimal' },
    { name: 'day', type: 'date' },
    { name: 'at', type: 'timestamp' },
    { name: 'word', type: 'string' },
  ],
};
const typedRow = fc.tuple(
  fc.option(fc.boolean().map(String), { nil: null }),
  fc.option(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String), { nil: null }),
  fc.option(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? '-0' : String(value))),
    { nil: null },
  ),
  fc.option(
    fc
      .tuple(fc.bigInt(-(10n ** 30n), 10n ** 30n), fc.integer({ min: 0, max: 999 }))
      .map(([whole, part]) => `${whole}.${String(part).padStart(3, '0')}`),
    { nil: null },
  ),
  fc.option(
    fc
      .date({ min: new Date('1583-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10)),
    { nil: null },
  ),
  fc.option(
    fc
      .tuple(
        fc.date({ min: new Date('1583-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        fc.integer({ min: 0, max: 999 }),
      )
      .map(([date, micros]) => `${date.toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`),
    { nil: null },
  ),
  fc.option(fc.constantFrom(...AWKWARD), { nil: null }),
);

test.each(FORMATS)('values of typed columns keep every digit in %s', async (format) => {
  await fc.assert(
    fc.asyncProperty(fc.array(typedRow, { minLength: 1, maxLength: 8 }), async (rows) => {
      const { bytes } = await writeObject(format, typed, [rows]);
      expect(cellsOf(await readObject(objectOf(bytes, 64), { format }))).toEqual(rows);
    }),
    { numRuns: 40 },
  );
});

test('from one format to the next and back nothing changes, and Avro tells the types again', async () => {
  const rows = [
    ['true', '9007199254740993', '0.1', '12345678901234567890.10', '2026-01-02', '2026-01-02T03:04:05.678901Z', '007'],
    [null, null, null, null, null, null, ''],
    ['false', '-9223372036854775808', '1e-300', '-0.00', '1970-01-01', '1969-12-31T23:59:59.999999Z', 'say "no"\n😀'],
  ];
  let cells: (string | null)[][] = rows;
  for (const format of ['csv', 'avro', 'jsonl', 'json', 'avro', 'csv'] as const) {
    const { bytes } = await writeObject(format, typed, [cells]);
    const read = await readObject(objectOf(bytes), { format });
    cells = cellsOf(read);
    expect(cells).toEqual(rows);
    if (format === 'avro') {
      const types = typed.columns.map(({ type }) => (type === 'decimal' ? 'string' : type));
      expect(read[0]!.schema.columns.map(({ type }) => type)).toEqual(types);
    }
  }
});
