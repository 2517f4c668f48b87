import { once } from 'node:events';
import { crc32, deflateRawSync, zstdCompressSync } from 'node:zlib';
import avro from 'avsc';
import fc from 'fast-check';
import { snappyCompress } from 'hyparquet-writer/src/snappy.js';
import { describe, expect, test } from 'vitest';
import { columnNames } from '../../../../src/core/schema.ts';
import { cellsOf, objectOf, readObject, writeObject } from './object-forms.ts';

type Packer = (data: Buffer, done: (error: Error | null, packed: Buffer) => void) => void;

function snappy(data: Buffer): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(data));
  return Buffer.concat([snappyCompress(data), sum]);
}

const packers: Readonly<Record<string, Packer>> = {
  null: (data, done) => done(null, data),
  deflate: (data, done) => done(null, deflateRawSync(data)),
  zstandard: (data, done) => done(null, zstdCompressSync(data)),
  snappy: (data, done) => done(null, snappy(data)),
};

/** A file as avsc writes it. */
async function file(schema: unknown, records: readonly unknown[], codec = 'null', blockSize = 200): Promise<Buffer> {
  const encoder = new avro.streams.BlockEncoder(schema as never, { codec, codecs: packers, blockSize });
  const chunks: Buffer[] = [];
  encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
  for (const record of records) encoder.write(record);
  encoder.end();
  await once(encoder, 'end');
  return Buffer.concat(chunks);
}

const schema = {
  type: 'record',
  name: 'Flight',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'note', type: ['null', 'string'] },
    { name: 'x', type: 'double' },
  ],
};
const records = Array.from({ length: 100 }, (_, i) => ({
  id: i,
  note: i % 3 === 0 ? null : `note "${i}", é`,
  x: i / 8,
}));
const rows = records.map(({ id, note, x }) => [String(id), note, String(x)]);

describe('an Avro container file', () => {
  test.each(Object.keys(packers))(
    'packed with %s by another writer is read, and continued at any record',
    async (codec) => {
      const bytes = await file(schema, records, codec);
      const batches = await readObject(objectOf(bytes, 33), { format: 'avro', rows: 7 });
      expect(cellsOf(batches)).toEqual(rows);
      expect(batches[0]!.schema.columns).toEqual([
        { name: 'id', type: 'integer' },
        { name: 'note', type: 'string' },
        { name: 'x', type: 'number' },
      ]);
      for (const [i, { origin }] of batches.entries()) {
        const rest = await readObject(objectOf(bytes, 1000), { format: 'avro', rows: 7, after: origin.position });
        expect(cellsOf(rest)).toEqual(rows.slice(7 * (i + 1)));
      }
    },
  );

  test('has its logical types as text, and one level of records as columns', async () => {
    const bytes = await file(
      {
        type: 'record',
        name: 'R',
        fields: [
          { name: 'd', type: { type: 'int', logicalType: 'date' } },
          { name: 't', type: { type: 'long', logicalType: 'timestamp-micros' } },
          { name: 'l', type: { type: 'long', logicalType: 'local-timestamp-millis' } },
          { name: 'm', type: { type: 'bytes', logicalType: 'decimal', precision: 20, scale: 2 } },
          { name: 'f', type: 'float' },
          { name: 'e', type: { type: 'enum', name: 'E', symbols: ['A', 'B'] } },
          { name: 'a', type: { type: 'array', items: 'int' } },
          { name: 'in', type: { type: 'record', name: 'In', fields: [{ name: 'x', type: 'boolean' }] } },
        ],
      },
      [{ d: 20_000, t: 1_000_001, l: 1_500, m: Buffer.of(0xff, 0x38), f: 0.1, e: 'B', a: [1, 2], in: { x: true } }],
    );
    const [batch] = await readObject(objectOf(bytes), { format: 'avro' });
    expect(columnNames(batch!.schema)).toEqual(['d', 't', 'l', 'm', 'f', 'e', 'a', 'in.x']);
    expect(cellsOf([batch!])).toEqual([
      ['2024-10-04', '1970-01-01T00:00:01.000001Z', '1970-01-01T00:00:01.500', '-2.00', '0.1', 'B', '[1,2]', 'true'],
    ]);
  });

  test('gives the same cells in the order of its fields, from bytes to bytes, as in another order, by way of objects', async () => {
    const time = fc.oneof(
      fc.integer({ min: -(2 ** 52), max: 2 ** 52 }),
      fc.constantFrom(
        0,
        -1,
        253_402_300_799_999,
        253_402_300_800_000,
        -62_135_596_800_000,
        -62_135_596_800_001,
        951_782_400_000,
      ),
    );
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 100 }),
      fc.constantFrom('', ',', '"', '\r', 'a"b,c\n'),
    );
    const inner = {
      type: 'record',
      name: 'In',
      fields: [
        { name: 'p', type: ['string', 'null'] },
        { name: 'q', type: { type: 'map', values: 'float' } },
      ],
    };
    const kinds: Readonly<Record<string, readonly [unknown, fc.Arbitrary<unknown>]>> = {
      flag: ['boolean', fc.boolean()],
      int: ['int', fc.integer()],
      long: ['long', fc.integer({ min: -(2 ** 52), max: 2 ** 52 })],
      float: ['float', fc.float().map((value) => Math.fround(value))],
      double: ['double', fc.double()],
      text: ['string', text],
      maybe: [['null', 'long'], fc.option(fc.integer(), { nil: null })],
      other: [['string', 'null'], fc.option(text, { nil: null })],
      day: [
        { type: 'int', logicalType: 'date' },
        fc.oneof(fc.integer(), fc.constantFrom(0, -719_162, -719_163, 2_932_896, 2_932_897, 11_016, 11_017)),
      ],
      millis: [{ type: 'long', logicalType: 'timestamp-millis' }, time],
      micros: [{ type: 'long', logicalType: 'timestamp-micros' }, time],
      local: [['null', { type: 'long', logicalType: 'local-timestamp-micros' }], fc.option(time, { nil: null })],
      bytes: ['bytes', fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes))],
      list: [{ type: 'array', items: ['null', 'string'] }, fc.array(fc.option(text, { nil: null }), { maxLength: 3 })],
      in: [
        ['null', inner],
        fc.option(fc.record({ p: fc.option(text, { nil: null }), q: fc.constant({ k: 0.5 }) }), { nil: null }),
      ],
    };
    const names = Object.keys(kinds);
    const everything = { type: 'record', name: 'All', fields: names.map((name) => ({ name, type: kinds[name]![0] })) };
    const record = fc.record(Object.fromEntries(names.map((name) => [name, kinds[name]![1]])));
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 5 }), async (made) => {
        const object = objectOf(await file(everything, made), 1000);
        const forwards = await readObject(object, { format: 'avro' });
        const columns = columnNames(forwards[0]!.schema).toReversed();
        const backwards = await readObject(object, { format: 'avro', columns });
        expect(cellsOf(forwards)).toEqual(cellsOf(backwards).map((row) => row.toReversed()));
        const some = columns.toReversed().filter((_, i) => i % 3 === 1);
        const part = cellsOf(await readObject(object, { format: 'avro', columns: some }));
        expect(part).toEqual(cellsOf(forwards).map((row) => row.filter((_, i) => i % 3 === 1)));
      }),
      { numRuns: 100 },
    );
  });

  test('with text that is not valid UTF-8 is refused with the row', async () => {
    const bytes = await file(schema, [
      { id: 1, note: 'good', x: 1 },
      { id: 2, note: 'bad!', x: 1 },
    ]);
    bytes[bytes.indexOf('bad!')] = 0xff;
    await expect(readObject(objectOf(bytes), { format: 'avro' })).rejects.toMatchObject({
      code: 'INTAKE_ENCODING',
      message: expect.stringContaining('not valid UTF-8 in row 1') as unknown,
    });
  });

  test('that Sluice wrote is read by another reader, its types and names those of the columns', async () => {
    const columns = [
      { name: 'y_PREDICTION', type: 'number' },
      { name: 'flight id', type: 'integer' },
      { name: 'day', type: 'date' },
      { name: 'note' },
    ] as const;
    const { bytes } = await writeObject('avro', { columns }, [
      [
        [0.25, 7n, '1970-01-11', ''],
        [null, null, null, null],
      ],
    ]);
    const decoder = new avro.streams.BlockDecoder();
    const found: unknown[] = [];
    let meta: Record<string, Buffer> = {};
    decoder.on('metadata', (_type: unknown, _codec: unknown, header: { meta: Record<string, Buffer> }) => {
      ({ meta } = header);
    });
    decoder.on('data', (record: object) => found.push({ ...record }));
    decoder.end(bytes);
    await once(decoder, 'end');
    expect(String(meta['avro.codec'])).toBe('deflate');
    expect(found).toEqual([
      { y_PREDICTION: 0.25, flight_id: 7, day: 10, note: '' },
      { y_PREDICTION: null, flight_id: null, day: null, note: null },
    ]);
    const [batch] = await readObject(objectOf(bytes), { format: 'avro' });
    expect(batch!.schema.columns).toEqual(columns.map((column) => ({ type: 'string', ...column })));
  });

  test('that is cut off or changed anywhere gives sound rows up to there and then an error, and never others', async () => {
    const bytes = await file(schema, records, 'deflate');
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, change, cut) => {
          const broken = Buffer.from(cut ? bytes.subarray(0, at) : bytes);
          if (!cut) broken[at] = broken[at]! ^ change;
          const outcome = await readObject(objectOf(broken, 100), { format: 'avro' }).then(
            cellsOf,
            (error: { code: string }) => error.code,
          );
          if (typeof outcome === 'string')
            expect(['FORMAT_BROKEN', 'MESSAGE_SCHEMA', 'INTAKE_EMPTY', 'INTAKE_ENCODING']).toContain(outcome);
          // A change of a name in the schema, or of text, is none that anybody could see; one of the number of rows is.
          else expect(outcome.length).toBe(cut ? outcome.length : rows.length);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('of a codec that is not known, or that is none at all, is refused by name', async () => {
    const bytes = await file(schema, records, 'null');
    const other = Buffer.from(bytes.toString('latin1').replace('\x08null', '\x08lzma'), 'latin1');
    await expect(readObject(objectOf(other), { format: 'avro' })).rejects.toMatchObject({
      code: 'FORMAT_BROKEN',
      message: expect.stringContaining('packed as "lzma"') as unknown,
    });
    await expect(readObject(objectOf(Buffer.from('id,x\n1,2\n')), { format: 'avro' })).rejects.toMatchObject({
      message: expect.stringContaining('object is no Avro file') as unknown,
    });
    await expect(readObject(objectOf(bytes), { format: 'avro', columns: ['id', 'idd'] })).rejects.toMatchObject({
      code: 'COLUMN_UNKNOWN',
    });
  });
});
