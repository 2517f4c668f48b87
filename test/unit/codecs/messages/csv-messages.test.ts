import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { dialectOf } from '../../../../src/codecs/csv/csv-dialect.ts';
import { defaultCsvSettings } from '../../../../src/codecs/csv/csv-settings.ts';
import { CsvMessageReader } from '../../../../src/codecs/messages/csv/csv-reader.ts';
import { createMessageReader, createMessageWriter } from '../../../../src/codecs/messages/message-formats.ts';
import { encodeRecords } from '../../../../src/core/canonical-csv.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import { readCsv, recordsOf } from '../csv-reading.ts';
import { fieldsOf, messagesOf, never, sent } from './messages.ts';

const ports = { clock: systemClock, registry: null };
const unit = fc.constantFrom('a', '0', '1', '-', '.', ',', '"', '\n', '\r', ';', ' ', 'é', '😀', '\ufeff');
const cell = fc.oneof(fc.constant(null), fc.string({ unit, maxLength: 6 }), fc.constantFrom('007', '9007199254740993'));

test('rows written as messages of CSV come back with every byte', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 40 }), async (records) => {
      const schema = schemaOf(['a', 'b', 'c']);
      const rows = { schema, ...encodeRecords(records) };
      const written = await createMessageWriter({ format: 'csv' }, ports).write(rows, never);
      const reader = createMessageReader({ format: 'csv', columns: ['a', 'b', 'c'] }, ports);
      const { runs, unreadable } = await reader.read(sent(written), never);
      expect(unreadable).toEqual([]);
      expect(fieldsOf(runs[0]!)).toEqual(records);
    }),
  );
});

test('a value is a row exactly when the CSV reader of files finds one record in it, and the same one', async () => {
  const value = fc.string({ unit, minLength: 1, maxLength: 12 }).filter((text) => !/^[\ufeff\r\n]|[\r\n]$/.test(text));
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 40 }),
      fc.constantFrom(',', ';'),
      async (texts, delimiter) => {
        const dialect = dialectOf({ ...defaultCsvSettings, delimiter });
        const schema = schemaOf(['a', 'b']);
        const expected: ((string | null)[] | null)[] = [];
        for (const text of texts) {
          const read = await readCsv(Buffer.from(`a${delimiter}b\n${text}\n`), { settings: { delimiter } });
          const records = recordsOf(read) as (string | null)[][];
          expected.push(read.error === null && records.length === 1 ? records[0]! : null);
        }
        for (const reader of [new CsvMessageReader(schema, dialect), new CsvMessageReader(schema, dialect, null)]) {
          const { runs, unreadable } = await reader.read(messagesOf(texts));
          expect(unreadable.map(({ message }) => message)).toEqual(
            expected.flatMap((row, i) => (row === null ? [i] : [])),
          );
          expect(runs.flatMap(fieldsOf)).toEqual(expected.filter((row) => row !== null));
          expect(runs.flatMap(({ messages }) => [...messages])).toEqual(
            expected.flatMap((row, i) => (row === null ? [] : [i])),
          );
        }
      },
    ),
  );
});

test('what is no row of its own is named, and the rows around it are read', async () => {
  const reader = createMessageReader({ format: 'csv', columns: ['a', 'b'] }, ports);
  const values = [
    '1,2',
    null,
    '',
    '3,4\r\n',
    '5',
    '6,7\n8,9',
    '"6,7',
    'x"y,1',
    '"x"y,1',
    Uint8Array.of(0x61, 0x2c, 0xff),
    '0,"1\n2"\n',
  ];
  const { runs, unreadable } = await reader.read(messagesOf(values), never);
  expect(runs.flatMap(fieldsOf)).toEqual([
    ['1', '2'],
    ['3', '4'],
    ['0', '1\n2'],
  ]);
  expect([...runs[0]!.messages]).toEqual([0, 3, 10]);
  expect(unreadable).toEqual([
    { message: 1, reason: 'The value is null (a tombstone), which is no row.' },
    { message: 2, reason: 'The value is empty.' },
    { message: 4, reason: 'The value has 1 field where 2 columns are named.' },
    { message: 5, reason: 'The value holds more than one record: one ends at byte 3.' },
    { message: 6, reason: 'The quote at byte 0, which opens field 1, is never closed.' },
    { message: 7, reason: 'A quote stands at byte 1, within field 1, which does not begin with one.' },
    { message: 8, reason: 'Text follows the quote that closes field 1, at byte 3.' },
    { message: 9, reason: 'The value is not valid UTF-8 at byte 2.' },
  ]);
});

test('columns are asked for, and an unknown format names those that there are', () => {
  expect(() => createMessageReader({ format: 'csv' }, ports)).toThrow(/columns is missing/);
  expect(() => createMessageReader({ format: 'xml' }, ports)).toThrow(/csv, json, avro/);
});
