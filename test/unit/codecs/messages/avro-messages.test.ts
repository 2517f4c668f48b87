import avro from 'avsc';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { avroSchemaOf } from '../../../../src/codecs/messages/avro/avro-type.ts';
import { idPrefix } from '../../../../src/codecs/messages/avro/schema-id.ts';
import { createMessageReader, createMessageWriter } from '../../../../src/codecs/messages/message-formats.ts';
import { SchemaRegistry } from '../../../../src/codecs/messages/registry/schema-registry.ts';
import { encodeRecords } from '../../../../src/core/canonical-csv.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import type { ReadMessages } from '../../../../src/core/message-format.ts';
import { columnNames, type Schema } from '../../../../src/core/schema.ts';
import { fieldsOf, messagesOf, never, sent } from './messages.ts';
import { registryServer, schemasServer } from './registry-server.ts';

const settings = { auth: null, retryMs: 1_000, timeoutMs: 5_000 };
const portsOf = (url: string) => ({
  clock: systemClock,
  registry: new SchemaRegistry({ ...settings, urls: [url] }, systemClock),
});
const record = (name: string, fields: Readonly<Record<string, unknown>>) => ({
  type: 'record',
  name,
  namespace: 'com.example',
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
});
/** A message of a schema, encoded by avsc. */
const encoded = (id: number, schema: unknown, value: unknown): Buffer =>
  Buffer.concat([idPrefix(id), avroSchemaOf(JSON.stringify(schema)).type.toBuffer(value)]);
const shown = ({ runs }: ReadMessages) =>
  runs.map((run) => [columnNames(run.schema), fieldsOf(run), [...run.messages]]);

const text = fc.string({ unit: fc.constantFrom('a', '0', ',', '"', '\n', 'é', '😀', '\0'), maxLength: 6 });
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const double = fc.double().map((value) => (Object.is(value, -0) ? '-0' : String(value)));
const orNull = (cell: fc.Arbitrary<string>) => fc.option(cell, { nil: null });

describe('messages of Avro', () => {
  test.each(['value', 'header'] as const)(
    'rows come back with every digit and null, the ID in the %s',
    async (schemaId) => {
      await using server = await schemasServer(new Map());
      const ports = portsOf(server.url);
      const schema: Schema = {
        columns: [
          { name: 'a' },
          { name: 'i', type: 'integer' },
          { name: 'n', type: 'number' },
          { name: 'b', type: 'boolean' },
        ],
      };
      const writer = createMessageWriter({ format: 'avro', subject: 't-value', schemaId }, ports);
      const reader = createMessageReader({ format: 'avro' }, ports);
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(orNull(text), orNull(long), orNull(double), orNull(fc.constantFrom('true', 'false'))), {
            minLength: 1,
          }),
          async (records) => {
            const written = await writer.write({ schema, ...encodeRecords(records) }, never);
            const { runs, unreadable } = await reader.read(sent(written), never);
            expect(unreadable).toEqual([]);
            expect(fieldsOf(runs[0]!)).toEqual(records);
            expect(runs[0]!.schema.columns).toEqual([{ name: 'a', type: 'string' }, ...schema.columns.slice(1)]);
          },
        ),
      );
      expect(server.requests.filter((line) => line.startsWith('POST'))).toEqual(['POST /subjects/t-value/versions']);
      expect(server.requests.length).toBe(2);
    },
  );

  test('logical types come as exact text, and go back by a schema of ones own', async () => {
    const fields = {
      dec: { type: 'bytes', logicalType: 'decimal', precision: 30, scale: 3 },
      fix: { type: 'fixed', name: 'F', size: 4, logicalType: 'decimal', precision: 9, scale: 2 },
      day: { type: 'int', logicalType: 'date' },
      at: { type: 'int', logicalType: 'time-millis' },
      ms: { type: 'long', logicalType: 'timestamp-millis' },
      us: ['null', { type: 'long', logicalType: 'timestamp-micros' }],
      local: { type: 'long', logicalType: 'local-timestamp-millis' },
      id: { type: 'string', logicalType: 'uuid' },
      raw: 'bytes',
      kind: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] },
      some: ['null', 'long', 'string'],
      list: { type: 'array', items: ['null', 'long'] },
      inner: ['null', record('Inner', { x: 'float', deep: { type: 'map', values: 'double' } })],
    };
    const writerSchema = JSON.stringify(record('All', fields));
    await using server = await schemasServer(new Map());
    const ports = portsOf(server.url);
    const { inner: _, ...plain } = fields;
    const names = [...Object.keys(plain), 'inner.x', 'inner.deep'];
    const rows = [
      [
        '-12345678901234567890123.450',
        '-0.01',
        '1969-12-31',
        '23:59:59.001',
        '2026-01-02T03:04:05.678Z',
        '1969-12-31T23:59:59.999999Z',
        '2026-01-02T03:04:05.678',
        '89791762-2336-4186-9674-299b90a802e2',
        'AAH/',
        'B',
        '9007199254740993',
        '[1,null,-9223372036854775808]',
        '0.1',
        '{"k":1.5}',
      ],
      [
        '0.000',
        '1.00',
        '0001-01-01',
        '00:00:00.000',
        '9999-12-31T23:59:59.999Z',
        null,
        '1970-01-01T00:00:00.000',
        '',
        '',
        'A',
        'x,y',
        '[]',
        null,
        null,
      ],
    ];
    const writer = createMessageWriter({ format: 'avro', subject: 's', writerSchema }, ports);
    const schema = { columns: names.map((name) => ({ name })) };
    const written = await writer.write({ schema, ...encodeRecords(rows) }, never);
    const read = await createMessageReader({ format: 'avro' }, ports).read(sent(written), never);
    expect(read.unreadable).toEqual([]);
    expect(shown(read)).toEqual([[names, rows, [0, 1]]]);
    expect(read.runs[0]!.schema.columns.map(({ type }) => type).slice(0, 6)).toEqual([
      'decimal',
      'decimal',
      'date',
      'string',
      'timestamp',
      'timestamp',
    ]);
  });

  test('a new schema grows the columns; another order or fewer fields do not; a schema of the reader settles all', async () => {
    const one = record('R', { a: 'int', b: 'string' });
    const two = record('R', { b: 'string', a: 'long', c: ['null', 'double'] });
    await using server = await schemasServer(
      new Map([
        [1, one],
        [2, two],
      ]),
    );
    const ports = portsOf(server.url);
    const values = [
      encoded(1, one, { a: 1, b: 'x' }),
      encoded(2, two, { a: 2, b: 'y', c: 0.5 }),
      encoded(1, one, { a: 3, b: '' }),
    ];
    expect(shown(await createMessageReader({ format: 'avro' }, ports).read(messagesOf(values), never))).toEqual([
      [['a', 'b'], [['1', 'x']], [0]],
      [
        ['a', 'b', 'c'],
        [
          ['2', 'y', '0.5'],
          ['3', '', null],
        ],
        [1, 2],
      ],
    ]);
    const restricted = createMessageReader({ format: 'avro', columns: ['c', 'a'] }, ports);
    expect(shown(await restricted.read(messagesOf(values), never))).toEqual([
      [
        ['c', 'a'],
        [
          [null, '1'],
          ['0.5', '2'],
          [null, '3'],
        ],
        [0, 1, 2],
      ],
    ]);
    const readerSchema = JSON.stringify({
      ...record('R', {}),
      fields: [
        { name: 'd', type: 'string', default: 'none' },
        { name: 'a', type: 'long' },
      ],
    });
    expect(
      shown(await createMessageReader({ format: 'avro', readerSchema }, ports).read(messagesOf(values), never)),
    ).toEqual([
      [
        ['d', 'a'],
        [
          ['none', '1'],
          ['none', '2'],
          ['none', '3'],
        ],
        [0, 1, 2],
      ],
    ]);
  });

  test('what is no record of its schema is named, and the rows around it are read', async () => {
    const schema = record('R', { a: 'long', l: { type: 'array', items: 'long' } });
    await using server = await schemasServer(
      new Map<number, unknown>([
        [1, schema],
        [3, '{"type":"nothing"}'],
        [4, '"string"'],
      ]),
    );
    const good = encoded(1, schema, { a: 1, l: [2, 3] });
    const manyItems = Buffer.concat([idPrefix(1), Buffer.from([2, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x7f, 1])]);
    const values = [
      good,
      null,
      Buffer.alloc(0),
      Buffer.from('{"a":1}'),
      Buffer.from([0, 0]),
      good.subarray(0, -2),
      Buffer.concat([good, good]),
      idPrefix(2),
      idPrefix(3),
      idPrefix(4),
      manyItems,
      good,
    ];
    const read = await createMessageReader({ format: 'avro' }, portsOf(server.url)).read(messagesOf(values), never);
    expect(shown(read)).toEqual([
      [
        ['a', 'l'],
        [
          ['1', '[2,3]'],
          ['1', '[2,3]'],
        ],
        [0, 11],
      ],
    ]);
    const reasons = [
      /tombstone/,
      /empty/,
      /begins with the byte 123/,
      /within the ID/,
      /ends at byte 8/,
      /ends at byte 10, and the value at 20/,
      /no schema with the ID 2/,
      /ID 3 cannot be used: .*nothing/,
      /is of string, and no record/,
      /more than its bytes can hold/,
    ];
    expect(read.unreadable.map(({ message }) => message)).toEqual(reasons.map((_, i) => i + 1));
    for (const [i, reason] of reasons.entries()) expect(read.unreadable[i]!.reason).toMatch(reason);
  });

  test('any bytes behind an ID are a row or unreadable, and never more', async () => {
    const schema = record('R', {
      a: ['null', 'long', { type: 'array', items: 'null' }],
      m: { type: 'map', values: { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 } },
      t: { type: 'long', logicalType: 'timestamp-micros' },
      d: { type: 'int', logicalType: 'date' },
    });
    await using server = await schemasServer(new Map([[1, schema]]));
    const reader = createMessageReader({ format: 'avro' }, portsOf(server.url));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 24 }), { minLength: 1, maxLength: 20 }), async (tails) => {
        const read = await reader.read(messagesOf(tails.map((tail) => Buffer.concat([idPrefix(1), tail]))), never);
        const rows = read.runs.reduce((sum, run) => sum + run.ends.length, 0);
        expect(rows + read.unreadable.length).toBe(tails.length);
      }),
    );
  });

  test('a list in a few bytes cannot claim items without bytes until the memory is full', async () => {
    const schema = record('R', { a: { type: 'array', items: 'null' } });
    await using server = await schemasServer(new Map([[1, schema]]));
    const reader = createMessageReader({ format: 'avro' }, portsOf(server.url));
    const type = avro.Type.forSchema(schema as avro.Schema);
    const list = (items: number): Buffer => Buffer.concat([idPrefix(1), type.toBuffer({ a: Array(items).fill(null) })]);
    // 12,000 times 4,096 nulls.
    const manyBlocks = Buffer.concat([idPrefix(1), Buffer.alloc(24_000, Buffer.from([0x80, 0x40])), Buffer.from([0])]);
    const read = await reader.read(messagesOf([list(300), manyBlocks]), never);
    expect(shown(read)[0]![1]).toEqual([[`[${Array(300).fill('null').join(',')}]`]]);
    expect(read.unreadable.map(({ message, reason }) => [message, reason])).toEqual([
      [1, expect.stringMatching(/4096 items at byte \d+ are more than its bytes can hold/)],
    ]);
  });

  test('a schema that refers to others is put together', async () => {
    const type = avro.Type.forSchema(record('R', { p: record('Point', { x: 'int' }) }) as avro.Schema);
    const replies: Record<string, unknown> = {
      '/schemas/ids/1': {
        schema: JSON.stringify(record('R', { p: 'com.example.Point' })),
        references: [{ name: 'com.example.Point', subject: 'point', version: 3 }],
      },
      '/subjects/point/versions/3': { schema: JSON.stringify(record('Point', { x: 'int' })) },
    };
    await using server = await registryServer((_method, path) => ({ body: replies[path] }));
    const reader = createMessageReader({ format: 'avro' }, portsOf(server.url));
    const read = await reader.read(messagesOf([Buffer.concat([idPrefix(1), type.toBuffer({ p: { x: 4 } })])]), never);
    expect(shown(read)).toEqual([[['p.x'], [['4']], [0]]]);
  });

  test('a row that does not fit the type of its field is refused with the column', async () => {
    await using server = await schemasServer(new Map());
    const writer = createMessageWriter({ format: 'avro', subject: 's' }, portsOf(server.url));
    const schema: Schema = { columns: [{ name: 'n (m)', type: 'number' }] };
    await expect(writer.write({ schema, ...encodeRecords([['1'], ['many']]) }, never)).rejects.toThrow(
      /Row 1 .*"many" is no double, in the column "n__m_"/,
    );
  });

  test.each(['no base64', 'AAH/A', 'AA==H', 'AAH_'])(
    'bytes that are no base64 are refused, and not written without what is none: %s',
    async (text) => {
      await using server = await schemasServer(new Map());
      const writerSchema = JSON.stringify(record('Raw', { raw: 'bytes' }));
      const writer = createMessageWriter({ format: 'avro', subject: 's', writerSchema }, portsOf(server.url));
      const schema: Schema = { columns: [{ name: 'raw' }] };
      await expect(writer.write({ schema, ...encodeRecords([['AAE='], ['AAE'], [text]]) }, never)).rejects.toThrow(
        new RegExp(`Row 2 .*"${text}" is no bytes, in the column "raw"`),
      );
    },
  );
});
