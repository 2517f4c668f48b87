import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvPosition } from '../../../src/codecs/csv/csv-position.ts';
import { trials } from '../../support/effort.ts';
import { linesOf, plainBatch, readCsv, recordsOf } from './csv-reading.ts';

const SETTINGS = [
  { encoding: 'utf-8' },
  { encoding: 'utf-8', delimiter: ';' },
  { encoding: 'utf-8', delimiter: '¦', quotechar: 'þ' },
  { encoding: 'utf-16' },
  { encoding: 'shift_jis' },
] as const;

const piece = fc.constantFrom('a', '漢字', 'カ', '"\n"', '"x\r\n,;¦"', '"q""r"', '', '1.5');
const record = fc.tuple(piece, piece, fc.constantFrom('\n', '\r\n', '\r', '\n\n', ',ragged\n', '\r\n\r\n'));
const cuts = fc.array(fc.integer({ min: 1, max: 11 }), { minLength: 1, maxLength: 5 });

interface Dialect {
  readonly encoding: string;
  readonly delimiter?: string;
  readonly quotechar?: string;
}

function fileOf(records: readonly (readonly [string, string, string])[], settings: Dialect): Uint8Array {
  const { delimiter = ',', quotechar = '"', encoding } = settings;
  const mark = encoding === 'shift_jis' ? '' : '\ufeff';
  const body = records.map(([a, b, end]) => (a === '' && b === '' ? `1,2${end}` : `${a},${b}${end}`)).join('');
  // Marks are exchanged at once, so that those within quotes become ordinary text of the other dialect.
  const text = `${mark}eins,zwei\r\n${body}`.replaceAll(/[,"]/g, (found) => (found === ',' ? delimiter : quotechar));
  if (encoding === 'utf-16') return Buffer.from(text, 'utf16le');
  if (encoding === 'utf-8') return Buffer.from(text);
  const bytes = text.replaceAll('¦', '|').replaceAll('漢字', '\x8a\xbf\x8e\x9a').replaceAll('カ', '\x83\x4a');
  return Buffer.from(bytes, 'latin1');
}

test('reading on from any batch gives the batches that an undisturbed reading gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...SETTINGS),
      fc.array(record, { minLength: 1, maxLength: 14 }),
      fc.record({ rows: fc.integer({ min: 1, max: 5 }), bytes: fc.integer({ min: 1, max: 60 }) }),
      cuts,
      cuts,
      async (settings, records, limits, cuts, otherCuts) => {
        const file = fileOf(records, settings);
        const options = { settings: { ...settings, raggedRows: 'skip' }, limits } as const;
        const whole = await readCsv(file, { ...options, cuts });
        expect(whole.error).toBeNull();
        for (const [i, batch] of whole.batches.entries()) {
          expect(batch.origin.after).toEqual(i === 0 ? null : whole.batches[i - 1]!.origin.position);
          const rest = await readCsv(file, {
            ...options,
            cuts: otherCuts,
            after: batch.origin.position,
            schema: batch.schema,
          });
          expect(rest.error).toBeNull();
          expect(rest.batches.map(plainBatch)).toEqual(whole.batches.slice(i + 1).map(plainBatch));
        }
      },
    ),
    { numRuns: trials(400) },
  );
});

test('each row has the line on which it starts, whatever the line ends, blank lines and newlines in quotes before it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(fc.constantFrom('a', '"\n"', '"\r\n\r"', '"x\r"'), fc.constantFrom('\n', '\r\n', '\r', '\n\r\n')),
        {
          maxLength: 15,
        },
      ),
      cuts,
      fc.constantFrom({}, { delimiter: ';' }, { encoding: 'latin_1' }),
      async (records, cuts, settings) => {
        const expected: number[] = [];
        let text = 'h\n';
        for (const [field, end] of records) {
          expected.push(text.split(/\r\n|\n|\r/).length);
          text += field + end;
        }
        expect(linesOf(await readCsv(text, { cuts, settings, limits: { rows: 4 } }))).toEqual(expected);
      },
    ),
    { numRuns: trials(400) },
  );
});

test('no batch has more rows or bytes than its limits, unless a single row has', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom('a', ',', '"'), maxLength: 20 }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 50 }),
      fc.constantFrom(',', ';'),
      async (values, rows, bytes, delimiter) => {
        const text = `h\n${values.map((value) => `"${value.replaceAll('"', '""')}"\n`).join('')}`;
        const read = await readCsv(text, { settings: { delimiter }, limits: { rows, bytes } });
        expect(recordsOf(read)).toEqual(values.map((value) => [value]));
        for (const batch of read.batches) {
          expect(batch.rows).toBeLessThanOrEqual(rows);
          if (batch.rows > 1) expect(batch.bytes.length).toBeLessThanOrEqual(bytes);
        }
        // Nor is one cut before it must be.
        for (const [i, batch] of read.batches.slice(1).entries()) {
          const before = read.batches[i]!;
          const full = before.rows === rows || before.bytes.length + batch.row(0).length > bytes;
          expect(full).toBe(true);
        }
      },
    ),
    { numRuns: trials(300) },
  );
});

test('a source that ends before the position, or has no record there, is refused', async () => {
  const settings = { encoding: 'latin_1' };
  const file = Buffer.from('a,b\n1,2\n3,4\n');
  const { batches } = await readCsv(file, { settings, limits: { rows: 1 } });
  const [first, second] = batches.map((batch) => batch.origin.position);
  const schema = batches[0]!.schema;
  const shorter = await readCsv(file.subarray(0, 9), { settings, after: second!, schema });
  expect(shorter.error).toMatchObject({ code: 'INTAKE_CHANGED' });
  const shifted = await readCsv(Buffer.from('a,b\n1,22\n3,4\n'), { settings, after: first!, schema });
  expect(shifted.error).toMatchObject({ code: 'INTAKE_CHANGED' });
  const foreign = await readCsv(file, { settings: {}, after: 'ab', schema }).catch((error: unknown) => error);
  expect(foreign).toMatchObject({ code: 'LEDGER_BROKEN' });
});

test('in a file of many megabytes each position is the offset of the next row', async () => {
  for (const delimiter of [',', ';']) {
    const row = (i: number): string => `${i}${delimiter}"text\r\nof row ${i}"`;
    const rows = Array.from({ length: 150_000 }, (_, i) => `${row(i)}\r\n`);
    const file = Buffer.from(`\ufeffa${delimiter}b\r\n${rows.join('')}`);
    const limits = { rows: 7000, bytes: 150_000 };
    const { batches, error } = await readCsv(file, { settings: { delimiter }, limits, cuts: [65_536, 100_003, 7] });
    expect(error).toBeNull();
    for (const { origin, rows: count } of batches.slice(0, -1)) {
      const { offset, line } = csvPosition(origin.position, 'rows.csv');
      const next = row(origin.firstRow + count);
      expect(file.toString('utf8', offset, offset + next.length)).toBe(next);
      expect(line).toBe(2 + 2 * (origin.firstRow + count));
    }
    expect(batches.at(-1)?.origin.position).toEqual({ offset: file.length, row: 150_000, line: 300_002 });
  }
});
