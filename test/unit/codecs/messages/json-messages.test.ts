import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMessageReader, createMessageWriter } from '../../../../src/codecs/messages/message-formats.ts';
import { encodeRecords } from '../../../../src/core/canonical-csv.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { columnNames, type Schema } from '../../../../src/core/schema.ts';
import { fieldsOf, messagesOf, never, sent } from './messages.ts';

const ports = { clock: systemClock, registry: null };
const text = fc.string({
  unit: fc.constantFrom('a', '0', ',', '"', '\\', '\n', '\r', '\t', '\0', 'é', '😀', '{', '\u2028'),
  maxLength: 8,
});
const cell = fc.oneof(
  fc.constant(null),
  text,
  fc.constantFrom('007', '9007199254740993', '1.10', '1e400', 'true', 'null'),
);

test('rows written as JSON come back with every character, number and null', async () => {
  const schema: Schema = {
    columns: [
      { name: 'a' },
      { name: 'b "c", \\d', type: 'string' },
      { name: 'n', type: 'number' },
      { name: 'i', type: 'integer' },
      { name: 't', type: 'boolean' },
    ],
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell, cell, cell, cell), { minLength: 1, maxLength: 20 }),
      async (records) => {
        const written = await createMessageWriter({ format: 'json' }, ports).write(
          { schema, ...encodeRecords(records) },
          never,
        );
        for (const [i, { value }] of written.entries()) {
          const object = JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>;
          expect(Object.values(object).slice(0, 2)).toEqual(records[i]!.slice(0, 2));
        }
        const { runs, unreadable } = await createMessageReader({ format: 'json' }, ports).read(sent(written), never);
        expect(unreadable).toEqual([]);
        expect(runs.length).toBe(1);
        expect(columnNames(runs[0]!.schema)).toEqual(columnNames(schema));
        expect(fieldsOf(runs[0]!)).toEqual(records);
      },
    ),
  );
});

test('types of columns decide what is bare: a number to its digits, and no text that is none', async () => {
  const schema: Schema = { columns: [{ name: 'n', type: 'number' }, { name: 'b', type: 'boolean' }, { name: 's' }] };
  const records = [
    ['1.10', 'true', '1'],
    ['9007199254740993', 'yes', null],
    ['NaN', 'false', ''],
    ['007', null, 'x'],
  ];
  const written = await createMessageWriter({ format: 'json' }, ports).write(
    { schema, ...encodeRecords(records) },
    never,
  );
  expect(written.map(({ value }) => Buffer.from(value).toString())).toEqual([
    '{"n":1.10,"b":true,"s":"1"}',
    '{"n":9007199254740993,"b":"yes","s":null}',
    '{"n":"NaN","b":false,"s":""}',
    '{"n":"007","b":null,"s":"x"}',
  ]);
});

test('a value is a row exactly when JSON.parse makes an object of it, with the same fields', async () => {
  const whole = fc
    .json({ maxDepth: 2 })
    .chain((json) =>
      fc.tuple(
        fc.constant(json),
        fc.nat(json.length),
        fc.nat(3),
        fc.string({ unit: fc.constantFrom(...Array.from('{}[]",:\\ue0-1.5tn \n\u0001')), maxLength: 3 }),
      ),
    );
  // JSON.parse of V8 13.6 compares a name as it is written with those that it has seen: after '{"":1,"\\\\":2}' it takes the name in
  // '{"":1,"\\"":2}' for that one. So no name here is written otherwise than it is.
  const name = text.filter((each) => JSON.stringify(each) === `"${each}"`);
  const mutated = whole
    .map(([json, at, cut, put]) => json.slice(0, at) + put + json.slice(at + cut))
    .filter((json) => !/\\[^"]*"\s*:|\\""\s*:/.test(json));
  const flat = fc.dictionary(name, fc.jsonValue({ maxDepth: 1 })).map((value) => JSON.stringify(value, null, 1));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(mutated, flat), { maxLength: 10 }), async (texts) => {
      const { runs, unreadable } = await createMessageReader({ format: 'json' }, ports).read(
        messagesOf(['{"":0,"a":0}', ...texts]),
        never,
      );
      const wrong = new Set(unreadable.map(({ message }) => message));
      const rows = new Map<number, Record<string, string | null>>();
      for (const run of runs) {
        const names = columnNames(run.schema);
        for (const [i, fields] of fieldsOf(run).entries()) {
          rows.set(run.messages[i]!, Object.fromEntries(fields.map((field, i) => [`:${names[i]}`, field])));
        }
      }
      for (const [i, json] of texts.entries()) {
        let parsed: unknown;
        try {
          parsed = JSON.parse(json);
        } catch {
          parsed = undefined;
        }
        const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
        expect([json, !wrong.has(i + 1)]).toEqual([json, isObject]);
        if (!isObject) continue;
        for (const [name, value] of Object.entries(parsed as Record<string, unknown>)) {
          const field = rows.get(i + 1)![`:${name}`]!;
          if (typeof value === 'string' || value === null)
            expect(field).toBe(typeof value === 'string' ? value.toWellFormed() : value);
          else expect(JSON.parse(field)).toEqual(value);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('numbers keep their text, and nested values are their JSON text', async () => {
  const json =
    '{"i":9223372036854775807,"d":1.10,"e":1e400,"m":-0,"o":{"a": [1.0, "x,\\"y"]},"l":[],"t":true,"u":"\\u00e9\\n"}';
  const { runs } = await createMessageReader({ format: 'json' }, ports).read(messagesOf([json]), never);
  expect(fieldsOf(runs[0]!)).toEqual([
    ['9223372036854775807', '1.10', '1e400', '-0', '{"a": [1.0, "x,\\"y"]}', '[]', 'true', 'é\n'],
  ]);
});

test('the columns grow as new fields appear, whatever the order of the keys; a bad message brings none', async () => {
  const reader = createMessageReader({ format: 'json' }, ports);
  const first = await reader.read(
    messagesOf(['{"a":1,"b":2}', '{"b":3,"a":4}', '{"x":1,', '{"a":5}', '{"c":6,"a":7}', '[1]', 'null', null, '{}']),
    never,
  );
  expect(first.runs.map((run) => [columnNames(run.schema), fieldsOf(run), [...run.messages]])).toEqual([
    [
      ['a', 'b'],
      [
        ['1', '2'],
        ['4', '3'],
        ['5', null],
      ],
      [0, 1, 3],
    ],
    [
      ['a', 'b', 'c'],
      [
        ['7', null, '6'],
        [null, null, null],
      ],
      [4, 8],
    ],
  ]);
  expect(first.unreadable).toEqual([
    { message: 2, reason: 'The value is not a JSON object: it ends at byte 7 where a name in quotes is expected.' },
    { message: 5, reason: 'The value is not a JSON object: byte 0 where a JSON object is expected.' },
    { message: 6, reason: 'The value is not a JSON object: byte 0 where a JSON object is expected.' },
    { message: 7, reason: 'The value is null (a tombstone), which is no row.' },
  ]);
  const second = await reader.read(messagesOf(['{"x":1,"a":2}']), never);
  expect(second.runs.map((run) => [columnNames(run.schema), fieldsOf(run)])).toEqual([
    [['a', 'b', 'c', 'x'], [['2', null, null, '1']]],
  ]);
});

test('named columns leave other fields out, and what is missing is null', async () => {
  const reader = createMessageReader({ format: 'json', columns: ['b', 'a'] }, ports);
  const { runs } = await reader.read(messagesOf(['{"a":1,"z":{"y":2},"b":""}', '{"z":0}', '{"b":"x","b":"y"}']), never);
  expect(runs.map(fieldsOf)).toEqual([
    [
      ['', '1'],
      [null, null],
      ['y', null],
    ],
  ]);
});

test('names that are data do not make rows wider without end', async () => {
  const wide = `{${Array.from({ length: 5000 }, (_, i) => `"k${i}":1`).join(',')}}`;
  const { runs, unreadable } = await createMessageReader({ format: 'json' }, ports).read(
    messagesOf([wide, '{"a":1}']),
    never,
  );
  expect(unreadable[0]?.reason).toMatch(/no more than 4096 different names/);
  expect(runs.map((run) => columnNames(run.schema))).toEqual([['a']]);
});
