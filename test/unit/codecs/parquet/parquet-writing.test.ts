import fc from 'fast-check';
import { parquetMetadata } from 'hyparquet';
import { expect, test } from 'vitest';
import { createWriter } from '../../../../src/codecs/formats.ts';
import type { ObjectWriter } from '../../../../src/codecs/object-format.ts';
import type { ParquetCompression } from '../../../../src/codecs/parquet/packing.ts';
import { encodeRecords } from '../../../../src/core/canonical-csv.ts';
import type { Json } from '../../../../src/core/json.ts';
import type { Column, Schema } from '../../../../src/core/schema.ts';
import type { OutputRows } from '../../../../src/core/scored-batch.ts';
import type { Value } from '../../../../src/core/value.ts';
import { golden, readParquet } from './parquet-reading.ts';

const PACKINGS: readonly ParquetCompression[] = ['none', 'snappy', 'gzip', 'zstd'];
const writerOf = (parquetCompression: ParquetCompression): ObjectWriter =>
  createWriter('parquet', { parquetCompression }, 'none');

/** A file of row groups, each written by another writer from what a ledger has kept. */
async function written(
  schema: Schema,
  groups: readonly (readonly (readonly Value[])[])[],
  packing: ParquetCompression,
): Promise<Uint8Array<ArrayBuffer>> {
  const header = writerOf(packing).header(schema, '00');
  const parts: Uint8Array[] = [header.bytes.slice()];
  let { state } = header;
  let offset = header.bytes.length;
  const kept = (): Json => JSON.parse(JSON.stringify(state)) as Json;
  for (const records of groups) {
    // Two batches make a group.
    const half = Math.ceil(records.length / 2);
    const rows = [records.slice(0, half), records.slice(half)].map(
      (part): OutputRows => ({ schema, ...encodeRecords(part) }),
    );
    const block = await writerOf(packing).block(rows, kept(), offset);
    parts.push(block.bytes.slice());
    offset += block.bytes.length;
    state = block.state;
  }
  parts.push(await writerOf(packing).trailer(kept(), offset));
  return new Uint8Array(Buffer.concat(parts));
}

const bigInt = (bits: number, signed: boolean): fc.Arbitrary<bigint> =>
  signed
    ? fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n })
    : fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n });
const decimal = (precision: number, scale: number): fc.Arbitrary<string> =>
  fc.bigInt({ min: -(10n ** BigInt(precision)) + 1n, max: 10n ** BigInt(precision) - 1n }).map((unscaled) => {
    const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
    const point = digits.length - scale;
    return `${unscaled < 0n ? '-' : ''}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ''}`;
  });
const date = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
const stamp = (digits: number, zone: string): fc.Arbitrary<string> =>
  fc
    .tuple(date, fc.nat(10 ** digits - 1))
    .map(([day, rest]) => `${day.toISOString().slice(0, 19)}.${String(rest).padStart(digits, '0')}${zone}`);
const numberText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));
/** Text of any kind, with what CSV has to quote. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', 'a,b', 'x\ny', '\r', 'long '.repeat(20), '\ufeff'),
);

/** A column, and texts as the reader gives them. */
const columns: readonly (readonly [Omit<Column, 'name'>, fc.Arbitrary<string>])[] = [
  [{}, text],
  [{ type: 'string' }, text],
  [{ type: 'boolean' }, fc.boolean().map(String)],
  [{ type: 'integer' }, bigInt(64, true).map(String)],
  [{ type: 'integer', exact: 'int32' }, bigInt(32, true).map(String)],
  [{ type: 'integer', exact: 'uint32' }, bigInt(32, false).map(String)],
  [{ type: 'integer', exact: 'uint64' }, bigInt(64, false).map(String)],
  [{ type: 'number' }, fc.double().map(numberText)],
  [{ type: 'number', exact: 'float' }, fc.integer({ min: -9999, max: 9999 }).map((value) => String(value / 8))],
  [{ type: 'decimal', exact: 'decimal(9,2)' }, decimal(9, 2)],
  [{ type: 'decimal', exact: 'decimal(18,18)' }, decimal(18, 18)],
  [{ type: 'decimal', exact: 'decimal(38,0)' }, decimal(38, 0)],
  [{ type: 'decimal', exact: 'decimal(76,30)' }, decimal(76, 30)],
  [{ type: 'date' }, date.map((day) => day.toISOString().slice(0, 10))],
  [{ type: 'timestamp', exact: 'timestamp-millis' }, stamp(3, 'Z')],
  [{ type: 'timestamp' }, stamp(6, 'Z')],
  [{ type: 'string', exact: 'local-timestamp-micros' }, stamp(6, '')],
  [
    { type: 'string', exact: 'timestamp-nanos' },
    bigInt(64, true).map((count) => {
      const rest = ((count % 10n ** 9n) + 10n ** 9n) % 10n ** 9n;
      const seconds = new Date(Number((count - rest) / 10n ** 9n) * 1000).toISOString().slice(0, 19);
      return `${seconds}.${String(rest).padStart(9, '0')}Z`;
    }),
  ],
  [{ type: 'string', exact: 'time-micros' }, stamp(6, '').map((iso) => iso.slice(11))],
];

const table = fc
  .array(fc.integer({ min: 0, max: columns.length - 1 }), { minLength: 2, maxLength: 6 })
  .chain((chosen) =>
    fc.record({
      schema: fc.constant<Schema>({ columns: chosen.map((at, i) => ({ ...columns[at]![0], name: `c${i}.${at}` })) }),
      groups: fc.array(
        fc.array(fc.tuple(...chosen.map((at) => fc.option(columns[at]![1], { freq: 4 }))), {
          minLength: 1,
          maxLength: 40,
        }),
        { maxLength: 3 },
      ),
      packing: fc.constantFrom(...PACKINGS),
    }),
  );

test('what is written is read back, types and all, each row group written by another process', async () => {
  await fc.assert(
    fc.asyncProperty(table, async ({ schema, groups, packing }) => {
      const file = await written(schema, groups, packing);
      const read = await readParquet(file);
      const expected = groups.flat();
      expect(read.text).toBe(Buffer.from(encodeRecords(expected).bytes).toString('utf8'));
      expect(read.schema.columns.map(({ name }) => name)).toEqual(schema.columns.map(({ name }) => name));
      const typed = read.schema.columns.map(({ type, exact }) => exact ?? type);
      expect(typed).toEqual(
        schema.columns.map(({ type = 'string', exact }) => exact ?? (type === 'timestamp' ? 'timestamp-micros' : type)),
      );
      expect(parquetMetadata(file).row_groups.map(({ num_rows }) => Number(num_rows))).toEqual(
        groups.map(({ length }) => length),
      );
    }),
    { numRuns: 150 },
  );
}, 60_000);

test('the same rows give the same bytes', async () => {
  const { schema, batches } = await readParquet(golden('rows-none.parquet'));
  for (const packing of PACKINGS) {
    const once = await written(
      schema,
      batches.map((batch) => batch.records()),
      packing,
    );
    expect(
      await written(
        schema,
        batches.map((batch) => batch.records()),
        packing,
      ),
    ).toEqual(once);
  }
});

test('the footer tells the bounds and nulls of each column, cut where they are long', async () => {
  const schema: Schema = { columns: [{ name: 'n', type: 'integer' }, { name: 'x', type: 'number' }, { name: 't' }] };
  const rows = [
    ['5', '0.5', 'b'.repeat(40)],
    ['-9007199254740993', null, 'a'],
    [null, '-0', null],
  ];
  const [group] = parquetMetadata(await written(schema, [rows], 'snappy')).row_groups;
  const [n, x, t] = group!.columns.map(({ meta_data }) => meta_data!.statistics!);
  expect(n).toMatchObject({ min_value: -9007199254740993n, max_value: 5n, null_count: 1n });
  expect(x).toMatchObject({ min_value: -0, max_value: 0.5, null_count: 1n });
  expect(t).toMatchObject({
    min_value: 'a',
    max_value: `${'b'.repeat(15)}c`,
    is_max_value_exact: false,
    null_count: 1n,
  });
});

test('a value that does not fit its column is refused with the column and the value', async () => {
  const refused: readonly [Omit<Column, 'name'>, string][] = [
    [{ type: 'number' }, 'twelve'],
    [{ type: 'integer' }, '1.5'],
    [{ type: 'integer' }, '9223372036854775808'],
    [{ type: 'integer', exact: 'int32' }, '2147483648'],
    [{ type: 'boolean' }, 'yes'],
    [{ type: 'date' }, '2024-02-30T'],
    [{ type: 'decimal', exact: 'decimal(9,2)' }, '1.234'],
    [{ type: 'decimal', exact: 'decimal(9,2)' }, '12345678.00'],
  ];
  for (const [type, value] of refused) {
    const writing = written({ columns: [{ ...type, name: 'late' }, { name: 'b' }] }, [[[value, '']]], 'none');
    await expect(writing).rejects.toMatchObject({
      code: 'OUTPUT_TYPE',
      message: expect.stringMatching(new RegExp(`^"${value}".*"late"`)),
    });
  }
});

test('an output without rows has its columns', async () => {
  const file = await written({ columns: [{ name: 'a', type: 'number' }] }, [], 'zstd');
  const { schema, batches } = await readParquet(file);
  expect(schema.columns).toEqual([{ name: 'a', type: 'number' }]);
  expect(batches).toEqual([]);
});

test('a file is not packed as a whole', () => {
  expect(() => createWriter('parquet', {}, 'gzip')).toThrow(/packed within/);
});
