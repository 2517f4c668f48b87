import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createReaders } from '../../../../src/codecs/formats.ts';
import { parquetFormat } from '../../../../src/codecs/parquet/parquet-format.ts';
import { columnNames } from '../../../../src/core/schema.ts';
import { type Asked, golden, goldenText, memoryObject, readOn, readParquet, textOf, WIDE } from './parquet-reading.ts';

const FLIGHTS = new Uint8Array(readFileSync('node_modules/vega-datasets/data/flights-3m.parquet'));

const withHeader = ({ schema, text }: Awaited<ReturnType<typeof readParquet>>): string =>
  `${columnNames(schema).join(',')}\n${text}`;

test.each(['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4', 'delta'])(
  'rows of several row groups and many pages come out as they were put in: %s',
  async (name) => {
    expect(withHeader(await readParquet(golden(`rows-${name}.parquet`)))).toBe(goldenText('rows.csv'));
  },
);

test.each(['types.parquet', 'types-v2.parquet'])(
  'every type becomes text to its last digit, nulls, lists, maps and structs too: %s',
  async (name) => {
    expect(withHeader(await readParquet(golden(name)))).toBe(goldenText('types.csv'));
  },
);

test('timestamps of 96 bits keep their nanoseconds', async () => {
  const { text, schema } = await readParquet(golden('int96.parquet'));
  expect(text.split('\n').slice(0, 4)).toEqual([
    '1970-01-01T00:00:00.000000000Z',
    '""',
    '1969-12-31T23:59:59.999999999Z',
    '2024-02-29T12:00:01.001000007Z',
  ]);
  expect(schema.columns).toEqual([{ name: 't', type: 'string', exact: 'timestamp-nanos' }]);
});

test('columns have the types that the file gives them', async () => {
  const { schema } = await readParquet(golden('types.parquet'));
  const types = Object.fromEntries(schema.columns.map(({ name, type, exact }) => [name, exact ?? type]));
  expect(types).toMatchObject({
    bool: 'boolean',
    i64: 'integer',
    u64: 'uint64',
    f32: 'float',
    f64: 'number',
    dec38: 'decimal(38,10)',
    date: 'date',
    ts_ms: 'timestamp-millis',
    ts_us_local: 'local-timestamp-micros',
    ts_ns: 'timestamp-nanos',
    time_ms: 'time-millis',
    text: 'string',
    list: 'string',
  });
});

test('three million flights come out, and the same ones as another reader has', async () => {
  const { batches } = await readParquet(FLIGHTS, { limits: { rows: 8192, bytes: 1_000_000, lingerMs: 0 } });
  expect(batches.reduce((sum, { rows }) => sum + rows, 0)).toBe(3_000_000);
  const hash = createHash('sha256');
  for (const { bytes } of batches) hash.update(bytes);
  // Of the same lines as pyarrow reads the file and Python writes them.
  expect(hash.digest('hex')).toBe('8db1ae565167d0536e7bf3da45d4195a60f4f5612cdb4949d3cf35149401b9b9');
});

test('of a file only the footer and the chunks of the columns that are wanted are asked for', async () => {
  const asked: Asked[] = [];
  const { text } = await readParquet(FLIGHTS, { columns: ['origin', 'delay'], asked });
  expect(text.slice(0, 7)).toBe('LAS,33\n');
  const total = asked.reduce((sum, { length }) => sum + length, 0);
  const all: Asked[] = [];
  await readParquet(FLIGHTS, { asked: all });
  const [footer, ...chunks] = all;
  expect(footer).toEqual({ from: FLIGHTS.length - 65_536, length: 65_536 });
  // All columns: one request for each of the eleven row groups, as their chunks lie side by side.
  expect(chunks).toHaveLength(11);
  // The sum of their chunks, as pyarrow reads it from the footer; of the file it is two fifths.
  expect(total - 65_536).toBe(5_547_490);
});

test('columns come in the order in which they are wanted', async () => {
  const { schema, text } = await readParquet(golden('rows-snappy.parquet'), { columns: ['city', 'id'] });
  expect(columnNames(schema)).toEqual(['city', 'id']);
  const [, ...records] = goldenText('rows.csv').trimEnd().split('\n');
  expect(text.split('\n').slice(0, 2)).toEqual(
    records.slice(0, 2).map((record) => {
      const [id, , , , city] = record.match(/"[^"]*"|[^,]+|(?<=,)(?=,)/g)!;
      return `${city ?? ''},${id}`;
    }),
  );
});

test('a column that is not there is refused with those that are', async () => {
  const read = readParquet(golden('rows-snappy.parquet'), { columns: ['id', 'town'] });
  await expect(read).rejects.toMatchObject({ code: 'COLUMN_UNKNOWN', message: expect.stringMatching(/"town".*city/) });
});

test('batches are full by rows and by bytes, and cut anew they are the same', async () => {
  for (const limits of [
    { rows: 7, bytes: 1_000_000, lingerMs: 0 },
    { rows: 1000, bytes: 300, lingerMs: 0 },
    { rows: 1000, bytes: 1, lingerMs: 0 },
  ]) {
    const once = await readParquet(golden('rows-zstd.parquet'), { limits });
    const twice = await readParquet(golden('rows-zstd.parquet'), { limits });
    expect(once.text).toBe(textOf((await readParquet(golden('rows-zstd.parquet'))).batches));
    expect(twice.batches.map(({ rows, origin }) => [rows, origin])).toEqual(
      once.batches.map(({ rows, origin }) => [rows, origin]),
    );
    for (const { rows, bytes } of once.batches) {
      expect(rows).toBeLessThanOrEqual(limits.rows);
      expect(rows === 1 || bytes.length <= limits.bytes).toBe(true);
    }
  }
});

test.each(['rows-delta.parquet', 'rows-snappy.parquet', 'types.parquet', 'types-v2.parquet'])(
  'reading goes on at any position: %s',
  async (name) => {
    const file = golden(name);
    const limits = { rows: 3, bytes: 1_000_000, lingerMs: 0 };
    const { batches, schema } = await readParquet(file, { limits });
    for (const [i, { origin }] of batches.entries()) {
      const rest = batches.slice(i + 1).filter((batch) => batch.origin.split === origin.split);
      const part = origin.split.slice('memory#'.length);
      const found = await readOn(file, part, origin.position, schema, limits);
      expect(textOf(found)).toBe(textOf(rest));
      expect(found.map((batch) => batch.origin.after)).toEqual(rest.map((batch) => batch.origin.after));
    }
  },
);

test('a file is known by its first bytes', () => {
  expect(parquetFormat.recognizes(golden('int96.parquet').subarray(0, 100))).toBe(true);
  expect(parquetFormat.recognizes(Buffer.from('PAR'))).toBe(false);
});

test('memory that a batch gave back is used again, and its rows are not asked for any more', async () => {
  const signal = new AbortController().signal;
  const file = golden('rows-none.parquet');
  const reader = await createReaders({ format: 'parquet' }).for('memory', async () => file);
  const limits = { ...WIDE, rows: 10 };
  const blocks = new Set<unknown>();
  let text = '';
  for (const part of await reader.parts(memoryObject(file), signal)) {
    const read = { part, split: 'memory', after: null, schema: null, limits };
    for await (const batch of reader.read(memoryObject(file), read, signal)) {
      text += textOf([batch]);
      blocks.add(batch.bytes.buffer);
      batch.release();
    }
  }
  expect(text).toBe((await readParquet(file)).text);
  // One for each of the two row groups, of ten batches.
  expect(blocks.size).toBe(2);
});

test('reading ends soon after its signal', async () => {
  const stop = new AbortController();
  const reader = await createReaders({ format: 'parquet' }).for('memory', async () => FLIGHTS);
  const part = { id: 'row-group-0', bytes: 0 };
  const limits = { rows: 100, bytes: 1_000_000, lingerMs: 0 };
  const batches = reader.read(
    memoryObject(FLIGHTS),
    { part, split: 'm', after: null, schema: null, limits },
    stop.signal,
  );
  let count = 0;
  const reading = async (): Promise<void> => {
    for await (const batch of batches) {
      count += batch.rows;
      stop.abort(new Error('enough'));
    }
  };
  await expect(reading()).rejects.toThrow('enough');
  expect(count).toBe(100);
});
