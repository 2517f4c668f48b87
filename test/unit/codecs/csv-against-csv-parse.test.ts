import { CsvError, parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CsvSettings } from '../../../src/codecs/csv/csv-settings.ts';
import { trials } from '../../support/effort.ts';
import { readCsv, recordsOf } from './csv-reading.ts';

/**
 * Our scanner and csv-parse must give the same records, or the same error at the same record, however the bytes are cut
 * and batched. Two habits of csv-parse are left out of the files: it takes a NUL byte behind a closing quote for the
 * end of the data, and the two bytes FF FE at the start for UTF-16.
 */
interface Outcome {
  readonly records: readonly (readonly unknown[])[];
  readonly error: 'ragged' | 'quote' | 'empty' | null;
}

function byCsvParse(text: string, delimiter: string, quote: string): Outcome {
  const records: (string | null)[][] = [];
  try {
    parse(Buffer.from(text), {
      bom: true,
      delimiter,
      quote,
      escape: quote,
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_quotes: false,
      skip_empty_lines: true,
      cast: (value, context) => (value === '' && !context.quoting ? null : value),
      on_record: (record: (string | null)[]) => {
        records.push(record);
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const ragged = error.code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH';
    return { records: records.slice(1), error: ragged ? 'ragged' : 'quote' };
  }
  return { records: records.slice(1), error: records.length === 0 ? 'empty' : null };
}

const KINDS = { CSV_RAGGED: 'ragged', CSV_QUOTE: 'quote', INTAKE_EMPTY: 'empty' } as const;

async function bySluice(
  text: string,
  settings: Partial<CsvSettings>,
  cuts: number[],
  limits: object,
): Promise<Outcome> {
  const read = await readCsv(text, { settings, cuts, limits });
  const records = recordsOf(read);
  if (read.error === null) return { records, error: null };
  const kind = Object.entries(KINDS).find(([code]) => code === read.error?.code)?.[1];
  if (kind === undefined) throw read.error;
  return { records, error: kind };
}

const DIALECTS = [
  { delimiter: ',', quotechar: '"' },
  { delimiter: ';', quotechar: '"' },
  { delimiter: 'tab', quotechar: "'" },
  { delimiter: '|', quotechar: '~' },
  { delimiter: ',', quotechar: '|' },
  { delimiter: '"', quotechar: "'" },
  { delimiter: '¦', quotechar: '"' },
  { delimiter: '\u0014', quotechar: 'þ' },
  { delimiter: '😀', quotechar: '«' },
] as const;

const dialect = fc.constantFrom(...DIALECTS);
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
const limits = fc.record({ rows: fc.integer({ min: 1, max: 4 }), bytes: fc.integer({ min: 1, max: 40 }) });
const lineEnd = fc.constantFrom('\n', '\r\n', '\r', '\n\n', '\r\r\n');

/** Pieces of which every CSV file is made, and then of which broken ones are. */
function pieces(delimiter: string, quote: string): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('a', 'bc', 'é', '漢', '😀x', ' ', '0.5', ',', ';', '"', "'") },
    { weight: 4, arbitrary: fc.constant(delimiter) },
    { weight: 3, arbitrary: fc.constantFrom('\n', '\r\n', '\r') },
    { weight: 3, arbitrary: fc.constantFrom(quote, quote + quote, `${quote}x${quote}`, `${quote}\r\n${quote}`) },
  );
}

function wellFormed(delimiter: string, quote: string): fc.Arbitrary<string> {
  const text = fc.array(pieces(delimiter, quote), { maxLength: 4 }).map((parts) => parts.join(''));
  const field = fc.tuple(text, fc.boolean()).map(([value, always]) => {
    const special = [delimiter, quote, '\n', '\r'].some((mark) => value.includes(mark));
    return always || special ? quote + value.replaceAll(quote, quote + quote) + quote : value;
  });
  return fc
    .integer({ min: 1, max: 4 })
    .chain((columns) =>
      fc.record({
        bom: fc.constantFrom('', '', '\ufeff'),
        header: fc.constant(Array.from({ length: columns }, (_, i) => `c${i}`).join(delimiter)),
        rows: fc.array(fc.tuple(fc.array(field, { minLength: columns, maxLength: columns }), lineEnd), {
          maxLength: 12,
        }),
        first: lineEnd,
        last: fc.boolean(),
      }),
    )
    .map(({ bom, header, rows, first, last }) => {
      const lines = rows.map(([fields, end]) => fields.join(delimiter) + end).join('');
      const file = bom + header + first + lines;
      return last ? file.replace(/[\r\n]+$/, '') : file;
    });
}

const marks = (d: (typeof DIALECTS)[number]): [string, string] => [
  d.delimiter === 'tab' ? '\t' : d.delimiter,
  d.quotechar,
];

test('well-formed files give the records that csv-parse gives, in every dialect, cut and batch size', async () => {
  await fc.assert(
    fc.asyncProperty(
      dialect.chain((d) => fc.tuple(fc.constant(d), wellFormed(...marks(d)))),
      cuts,
      limits,
      async ([settings, text], cuts, limits) => {
        const expected = byCsvParse(text, ...marks(settings));
        expect(expected.error).toBeNull();
        expect(await bySluice(text, settings, cuts, limits)).toEqual(expected);
      },
    ),
    { numRuns: trials(1_500) },
  );
});

test('broken files give the records before the fault and the same fault', async () => {
  await fc.assert(
    fc.asyncProperty(
      dialect.chain((d) =>
        fc.tuple(
          fc.constant(d),
          fc.oneof(
            fc.array(pieces(...marks(d)), { maxLength: 25 }).map((parts) => `h${marks(d)[0]}i\n${parts.join('')}`),
            fc.tuple(wellFormed(...marks(d)), fc.nat(), fc.nat({ max: 3 }), pieces(...marks(d))).map(mutate),
          ),
        ),
      ),
      cuts,
      limits,
      async ([settings, text], cuts, limits) => {
        const expected = byCsvParse(text, ...marks(settings));
        // What csv-parse accepts as a header with an empty or doubled name is another rule of ours.
        const header = firstRecord(text, ...marks(settings));
        fc.pre(header === null || (new Set(header).size === header.length && header.every((name) => name)));
        expect(await bySluice(text, settings, cuts, limits)).toEqual(expected);
      },
    ),
    { numRuns: trials(3_000) },
  );
});

function mutate([text, at, length, piece]: [string, number, number, string]): string {
  const characters = Array.from(text);
  characters.splice(at % (characters.length + 1), length, piece);
  return characters.join('');
}

function firstRecord(text: string, delimiter: string, quote: string): readonly (string | null)[] | null {
  try {
    const options = { bom: true, delimiter, quote, escape: quote, record_delimiter: ['\r\n', '\n', '\r'] };
    const records: string[][] = parse(Buffer.from(text), { ...options, skip_empty_lines: true, to: 1 });
    return records[0] ?? null;
  } catch {
    return null;
  }
}
