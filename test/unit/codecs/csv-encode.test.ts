import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCsvCodec } from '../../../src/codecs/csv/csv-codec.ts';
import { type CsvSettings, defaultCsvSettings } from '../../../src/codecs/csv/csv-settings.ts';
import { encodingOf } from '../../../src/codecs/text/encoding.ts';
import { encodeRecords } from '../../../src/core/canonical-csv.ts';
import { schemaOf } from '../../../src/core/schema.ts';
import { readCsv, recordsOf } from './csv-reading.ts';

const schema = schemaOf(['eins', 'zwei, 2']);

function encode(records: readonly (readonly (string | null)[])[], settings: Partial<CsvSettings>): Buffer {
  const codec = createCsvCodec({ ...defaultCsvSettings, ...settings });
  return Buffer.concat([codec.encodeHeader(schema), codec.encode({ schema, ...encodeRecords(records) })]);
}

/** Characters that each encoding has. */
const ENCODINGS: Readonly<Record<string, string>> = {
  'utf-8': 'aé漢😀\ufeff',
  utf_8_sig: 'aé漢😀',
  'utf-16': 'aé漢😀\ufffd',
  utf_16_be: 'aé漢😀\ufffd',
  latin_1: 'aéÿ\x80\xa0',
  cp1252: 'aé€Ÿ',
  'windows-1251': 'aЖя',
  shift_jis: 'a漢カｱ表ソ',
  mskanji: 'a①髙纊',
  euc_jp: 'a漢カｱ丂',
  euc_kr: 'a한글',
  gbk: 'a汉字€',
  gb18030: 'a汉é😀\u{20000}',
  big5: 'a漢字功',
  koi8_r: 'aЖ',
  mac_roman: 'aé∞',
};

test.each(Object.entries(ENCODINGS))(
  '%s: what is written comes back, in every dialect',
  async (encoding, characters) => {
    const unit = fc.constantFrom(...Array.from(characters), ',', ';', '"', "'", '\n', '\r', '|', '\t');
    const field = fc.oneof(
      { weight: 1, arbitrary: fc.constant(null) },
      { weight: 5, arbitrary: fc.string({ unit, maxLength: 6 }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 8 }),
        fc.constantFrom({}, { delimiter: ';' }, { delimiter: 'tab', quotechar: "'" }, { quotechar: '|' }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
        async (records, dialect, cuts) => {
          const settings = { ...dialect, encoding };
          const read = await readCsv(encode(records, settings), { settings, cuts });
          expect(read.error).toBeNull();
          expect(recordsOf(read)).toEqual(records);
          expect(read.batches[0]?.schema).toEqual(schema);
        },
      ),
      { numRuns: 40 },
    );
  },
);

test('marks of several bytes can be written, too', async () => {
  const settings = { delimiter: '¦', quotechar: '😀' };
  const records = [
    ['x¦y', '😀'],
    [null, ''],
  ];
  expect(encode(records, settings).toString()).toBe('eins¦😀zwei, 2😀\n😀x¦y😀¦😀😀😀😀\n¦😀😀\n');
  expect(recordsOf(await readCsv(encode(records, settings), { settings }))).toEqual(records);
});

test('canonical rows are given as they are, without a copy', () => {
  const rows = { schema, ...encodeRecords([['1', '2']]) };
  expect(createCsvCodec(defaultCsvSettings).encode(rows)).toBe(rows.bytes);
});

// Bytes as Python's codecs write them; for cp932 as Windows and browsers do, who prefer the later of two places.
test.each([
  ['cp1252', '€', [0x80]],
  ['latin_1', 'ÿ', [0xff]],
  ['cp932', '髙①∪纊', [0xfb, 0xfc, 0x87, 0x40, 0x81, 0xbe, 0xfa, 0x5c]],
  ['euc_jp', 'ｱ丂', [0x8e, 0xb1, 0x8f, 0xb0, 0xa1]],
  ['gb18030', 'é\u{20000}', [0xa8, 0xa6, 0x95, 0x32, 0x82, 0x36]],
  ['big5', '功', [0xa5, 0x5c]],
  ['utf_16_be', 'é', [0x00, 0xe9]],
  ['cp1251', 'Ж', [0xc6]],
])('%s writes %s in the bytes that other programs write', (encoding, text, bytes) => {
  const codec = createCsvCodec({ ...defaultCsvSettings, encoding });
  const rows = { schema, bytes: Buffer.from(`${text},1\n`), ends: Uint32Array.of(0) };
  const width = encoding.startsWith('utf_16') ? 2 : 1;
  expect([...codec.encode(rows)].slice(0, -3 * width)).toEqual(bytes);
});

function headerBytes(encoding: string): number[] {
  return [...createCsvCodec({ ...defaultCsvSettings, encoding }).encodeHeader(schemaOf(['a']))];
}

test('an output begins with a byte order mark where the encoding wants one', () => {
  expect(headerBytes('utf_8_sig')).toEqual([0xef, 0xbb, 0xbf, 0x61, 0x0a]);
  expect(headerBytes('utf-16')).toEqual([0xff, 0xfe, 0x61, 0, 0x0a, 0]);
  expect(headerBytes('utf_16_le')).toEqual([0x61, 0, 0x0a, 0]);
});

test('a character that the encoding does not have is an error that names it', () => {
  expect(() => encode([['€', null]], { encoding: 'latin_1' })).toThrow(/€ \(U\+20AC\) cannot be written in latin_1/);
  expect(() => encode([['😀', null]], { encoding: 'shift_jis' })).toThrow(/U\+1F600/);
  expect(() => encode([['x', null]], { encoding: 'iso2022_jp' })).toThrow(/can be read but not written/);
});

function label(name: string): string {
  return encodingOf(name).label;
}

test('names of Python and of the web are known, in any spelling', () => {
  expect(['UTF-8', 'utf_8', 'U8', 'ascii', 'utf-8-sig'].map(label)).toEqual(Array(5).fill('utf-8'));
  expect(['latin_1', 'ISO-8859-1', 'iso8859-1', 'L1', 'iso_8859_1_1987'].map(label)).toEqual(Array(5).fill('latin1'));
  expect(['mskanji', 'cp932', 'SJIS', 'windows-31j', 'Shift_JIS'].map(label)).toEqual(Array(5).fill('shift_jis'));
  expect(['cp1252', 'latin9', 'gb18030-2000', 'utf-16-le', 'windows-1251'].map(label)).toEqual([
    'windows-1252',
    'iso-8859-15',
    'gb18030',
    'utf-16le',
    'windows-1251',
  ]);
});
