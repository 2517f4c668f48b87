import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createCsvCodec } from '../../../src/codecs/csv/csv-codec.ts';
import { guessDelimiter } from '../../../src/codecs/csv/csv-header.ts';
import { type CsvSettings, defaultCsvSettings } from '../../../src/codecs/csv/csv-settings.ts';
import { REJECTED_BYTES } from '../../../src/core/row-batch.ts';
import { schemaOf } from '../../../src/core/schema.ts';
import { bytesOf, headerOf, linesOf, readCsv, recordsOf } from './csv-reading.ts';

const golden: readonly (readonly [name: string, source: string, canonical: string, settings?: Partial<CsvSettings>])[] =
  [
    ['canonical bytes stay as they are', 'a,b\n1,"x, ""y"""\n,""\n', '1,"x, ""y"""\n,""\n'],
    ['CR LF becomes LF', 'a,b\r\n1,2\r\n3,4\r\n', '1,2\n3,4\n'],
    ['a lone CR ends a record', 'a,b\r1,2\r3,4\r', '1,2\n3,4\n'],
    ['line ends may be mixed', 'a,b\r1,2\r\n3,4\n5,6', '1,2\n3,4\n5,6\n'],
    ['line ends in quotes are text', 'a,b\r\n1,"x\r\ny\rz\n"\r\n', '1,"x\r\ny\rz\n"\n'],
    ['a missing last line end is added', 'a,b\n1,2', '1,2\n'],
    ['a missing last line end behind a quote is added', 'a,b\n1,"2"', '1,"2"\n'],
    ['a missing last line end behind an empty field is added', 'a,b\n1,', '1,\n'],
    ['blank lines are no records', '\n\r\na,b\n\n1,2\r\r\r\n3,4\n\n\n', '1,2\n3,4\n'],
    ['a blank line in a single column is no record', 'a\n1\n\n""\n2\n', '1\n""\n2\n'],
    ['a byte order mark is no text', '\ufeffa,b\n1,2\n', '1,2\n'],
    ['only the first byte order mark is none', '\ufeffa,b\n\ufeff1,2\n', '\ufeff1,2\n'],
    ['a quoted header behind a byte order mark', '\ufeff"a","b"\n1,2\n', '1,2\n'],
    [
      'commas and quotes of another dialect are quoted',
      'a;b\n1,5;x"y\n',
      '"1,5","x""y"\n',
      { delimiter: ';', quotechar: "'" },
    ],
    ['quotes of another dialect are exchanged', "a;b\n'x''y';''\n", '"x\'y",""\n', { delimiter: ';', quotechar: "'" }],
    ['double quotes in another dialect are doubled', "a,b\n'x\"y','\"\"'\n", '"x""y",""""""\n', { quotechar: "'" }],
    ['the word tab', 'a\tb\n1\t"2\t"\n', '1,"2\t"\n', { delimiter: 'tab' }],
    ['marks of several bytes', 'a¦b\nþx¦þþyþ¦2\n', '"x¦þy",2\n', { delimiter: '¦', quotechar: 'þ' }],
  ];

test.each(golden.map(([name, ...rest]) => ({ name, rest })))(
  '$name',
  async ({ rest: [source, canonical, settings = {}] }) => {
    for (const cut of [1, 2, 3, 65_536]) {
      const read = await readCsv(source, { settings, cuts: [cut] });
      expect(read.error).toBeNull();
      expect(bytesOf(read)).toBe(canonical);
      expect(headerOf(read)?.[0]).toBe('a');
    }
  },
);

const refused: readonly (readonly [
  source: string | Uint8Array,
  code: string,
  says: RegExp,
  settings?: Partial<CsvSettings>,
])[] = [
  ['', 'INTAKE_EMPTY', /^rows\.csv is empty/],
  ['\ufeff', 'INTAKE_EMPTY', /empty/],
  ['\r\n\n', 'INTAKE_EMPTY', /empty/],
  ['a,b,a,c,b\n', 'CSV_HEADER', /line 1: the header has the name "a" at fields 1, 3/],
  ['\na,,b,""\n', 'CSV_HEADER', /line 2: the header has no name for fields 2, 4 of 4/],
  ['a,b\n1,2\n\n1,2,3\n', 'CSV_RAGGED', /line 4: 3 fields where the header has 2\..*raggedRows: skip/],
  ['a,b\n1\n', 'CSV_RAGGED', /line 2: 1 field where the header has 2/],
  ['a;b\n1;2,5\n', 'CSV_RAGGED', /line 2: 2 fields where the header has 1\. The header looks as if ";" separated/],
  ['a,b\n1,"x\n\ny"\n1,x"y\n', 'CSV_QUOTE', /line 5: a quote stands within field 2/],
  ['a,b\n1,"x"y\n', 'CSV_QUOTE', /line 2: text follows the quote that closes field 2/],
  ['a,b\n1,2\n\n1,"x\n2,3\n', 'CSV_QUOTE', /line 4: the quote that opens field 2 is never closed/],
  ['a,b\n1,2\n"x\n\ny","z\n2,3', 'CSV_QUOTE', /line 5: the quote that opens field 2 is never closed/],
  ['a,b\n1,\u00002\n', 'CSV_BINARY', /rows\.csv holds a NUL byte at offset 6/],
  [Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0), 'CSV_BINARY', /gzip file. Set intakeSettings.compression/],
  [Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1), 'CSV_BINARY', /zstd/],
  ['PAR1\u0015\u0004', 'CSV_BINARY', /Parquet/],
  ['PK\u0003\u0004 sheet', 'CSV_BINARY', /xlsx/],
  [Uint8Array.of(0xff, 0xfe, 0x61, 0x00), 'INTAKE_ENCODING', /UTF-16. Set csvSettings.encoding to utf-16/],
  [Buffer.from('a,b\n1,2\n3,\xe9\n', 'latin1'), 'INTAKE_ENCODING', /line 3 is not valid utf-8/],
  [Buffer.from('\xe9,b\n1,2\n', 'latin1'), 'INTAKE_ENCODING', /line 1 is not valid utf-8/],
  [
    Buffer.from('a,b\n1,2\n\n3,\x81 \n4,5\n', 'latin1'),
    'INTAKE_ENCODING',
    /line 4 is not valid ms/,
    { encoding: 'mskanji' },
  ],
  [
    Buffer.from('a,b\n1,2\n3,\u{1f600}', 'utf16le').subarray(0, -2),
    'INTAKE_ENCODING',
    /line 3/,
    { encoding: 'utf-16' },
  ],
  [
    'a,b\n12,45\n,"2\n"\n12,456\n',
    'CSV_RECORD_TOO_LARGE',
    /line 5: the record is larger than 5 bytes/,
    { maxRecordBytes: 5 },
  ],
  ['a,b\n1,"2345678', 'CSV_RECORD_TOO_LARGE', /line 2: .* 5 bytes \(a quote opens on line 2\)/, { maxRecordBytes: 5 }],
];

test.each(refused.map((item) => ({ item })))('$item.0 is refused: $item.1', async ({ item }) => {
  const [source, code, says, settings = {}] = item;
  for (const cut of [1, 2, 65_536]) {
    const { error } = await readCsv(source, { settings, cuts: [cut] });
    expect(error?.code).toBe(code);
    expect(error?.message).toMatch(says);
  }
});

test('a record as large as the limit is read, with any line end and any cut', async () => {
  for (const end of ['\n', '\r\n', '\r', '']) {
    for (const cut of [1, 4, 9, 100]) {
      const read = await readCsv(`a,b${end || '\n'}12,45${end}`, { settings: { maxRecordBytes: 5 }, cuts: [cut] });
      expect([read.error, recordsOf(read)]).toEqual([null, [['12', '45']]]);
    }
  }
});

test('the rows before a bad record come out, as a batch with the position behind them', async () => {
  for (const bad of ['1,2,3\n', '"x"y,1\n', 'x"y,1\n', '1,"x']) {
    const read = await readCsv(`a,b\n1,2\n\n3,4\n${bad}`);
    expect(recordsOf(read)).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
    expect(read.batches[0]?.origin.position).toEqual({ offset: 13, row: 2, line: 5 });
    expect(read.error).not.toBeNull();
  }
});

test('a header alone yields nothing', async () => {
  expect(await readCsv('a,b\n')).toEqual({ batches: [], error: null });
});

test('skipped ragged records are kept with line and reason, and are never among the bytes', async () => {
  const read = await readCsv('a,b\n1,2\n3\n4,"5\n",6\n7,8\n9\n', { settings: { raggedRows: 'skip' } });
  expect(bytesOf(read)).toBe('1,2\n7,8\n');
  expect(linesOf(read)).toEqual([2, 6]);
  const rejected = read.batches.flatMap((batch) => batch.origin.rejected);
  expect(rejected.map(({ line, reason, bytes }) => [line, reason, Buffer.from(bytes).toString()])).toEqual([
    [3, '1 field where the header has 2', '3'],
    [4, '3 fields where the header has 2', '4,"5\n",6'],
    [7, '1 field where the header has 2', '9'],
  ]);
});

test('records that are all rejected come in batches without rows, within the limits', async () => {
  const read = await readCsv(`a,b\n${'1\n'.repeat(7)}`, { settings: { raggedRows: 'skip' }, limits: { rows: 3 } });
  expect(read.batches.map((batch) => [batch.rows, batch.origin.rejected.length])).toEqual([
    [0, 3],
    [0, 3],
    [0, 1],
  ]);
});

test('a rejected record is kept as it stood, up to a whole character', async () => {
  const settings = { raggedRows: 'skip', delimiter: '¦' } as const;
  const short = await readCsv('a¦b\nx¦"¦y"¦z\n', { settings });
  expect(Buffer.from(short.batches[0]!.origin.rejected[0]!.bytes).toString()).toBe('x¦"¦y"¦z');
  const long = await readCsv(`a,b\n1${'漢'.repeat(30_000)}\n`, { settings: { raggedRows: 'skip' } });
  const { bytes } = long.batches[0]!.origin.rejected[0]!;
  expect(Buffer.from(bytes).toString()).toBe(`1${'漢'.repeat(Math.floor((REJECTED_BYTES - 1) / 3))}`);
});

test('files of one intake share the schema, and another header is refused with the first difference', async () => {
  const schema = schemaOf(['a', 'b']);
  const same = await readCsv('a,b\n1,2\n', { schema });
  expect(same.batches[0]?.schema).toBe(schema);
  const { error } = await readCsv('a,c\n1,2\n', { schema });
  expect(error).toMatchObject({ code: 'CSV_HEADER' });
  expect(error?.message).toMatch(/field 2: "c" where the first has "b"/);
  expect((await readCsv('a\n1\n', { schema })).error?.message).toMatch(/field 2: nothing where the first has "b"/);
});

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('a field of 64 MB is read whole, in time that grows with its size only', async () => {
  const field = Buffer.alloc(64 * 1024 * 1024, 'long text, with commas and\nnewlines; ');
  const file = Buffer.concat([Buffer.from('a,b\n1,"'), field, Buffer.from('"\n2,x\n')]);
  const read = await readCsv(file, { cuts: [65_536] });
  expect(read.error).toBeNull();
  const [large, small] = read.batches;
  expect(digest(large!.bytes)).toBe(digest(Buffer.concat([Buffer.from('1,"'), field, Buffer.from('"\n')])));
  expect(small?.records()).toEqual([['2', 'x']]);
});

test('batches stay as they are while reading goes on', async () => {
  const rows = Array.from({ length: 60_000 }, (_, i) => `${i},"text ${i}"\r\n`).join('');
  const read = await readCsv(`a,b\r\n${rows}`, { limits: { rows: 700 }, cuts: [8191] });
  expect(bytesOf(read)).toBe(rows.replaceAll('\r\n', '\n'));
});

test.each([
  [{ delimiter: '' }, /delimiter is ""; it must be one character/],
  [{ delimiter: ';;' }, /delimiter is ";;"/],
  [{ delimiter: '\n' }, /delimiter/],
  [{ quotechar: '""' }, /quotechar/],
  [{ delimiter: '"' }, /must differ/],
  [{ encoding: 'klingon' }, /encoding is "klingon"/],
  [{ maxRecordBytes: 0 }, /maxRecordBytes/],
])('settings %j are refused', (settings, says) => {
  expect(() => createCsvCodec({ ...defaultCsvSettings, ...settings })).toThrow(says);
});

test('the delimiter of a header is guessed from what is frequent in it', () => {
  expect(['a;b;c', 'a\tb', 'a|b,c|d', 'a', 'a,b'].map(guessDelimiter)).toEqual([';', '\t', '|', null, ',']);
});
