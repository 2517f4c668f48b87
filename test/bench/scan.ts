/**
 * How fast CSV is cut into batches: `npm exec -- node test/bench/scan.ts [rows]`. Rows of 13 columns and about 78 bytes,
 * held in memory and given in chunks of 256 KiB, in batches of 1,000 rows; csv-parse reads the same chunks beside it.
 */
import { parse } from 'csv-parse';
import { createCsvCodec } from '../../src/codecs/csv/csv-codec.ts';
import { type CsvSettings, defaultCsvSettings } from '../../src/codecs/csv/csv-settings.ts';

const CHUNK_BYTES = 256 * 1024;
const ROUNDS = 5;
const rows = Number(process.argv[2] ?? 1_000_000);

interface Variant {
  readonly name: string;
  readonly settings?: Partial<CsvSettings>;
  readonly delimiter?: string;
  readonly lineEnd?: string;
  readonly field?: string;
}

const variants: readonly Variant[] = [
  { name: 'LF' },
  { name: 'CR LF', lineEnd: '\r\n' },
  { name: 'LF, one field quoted', field: '"ab, cdef"' },
  { name: 'semicolons', delimiter: ';', settings: { delimiter: ';' } },
  { name: 'latin_1', settings: { encoding: 'latin_1' } },
];

function makeFile({ delimiter = ',', lineEnd = '\n', field = 'abcdefgh' }: Variant): Uint8Array {
  const header = Array.from({ length: 13 }, (_, i) => `column${i}`).join(delimiter);
  const lines = [header];
  for (let row = 0; row < rows; row += 1) {
    const fields = [row + 1_000_000, '2001/01/14', row % 1440, (row % 200) - 20, row % 3000, 'ORD', 'LAX', field];
    lines.push([...fields, 0.25 + (row % 7), -3.75, 'carrier', 12.5, 1].join(delimiter));
  }
  return Buffer.from(`${lines.join(lineEnd)}${lineEnd}`);
}

async function* chunksOf(file: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.length; at += CHUNK_BYTES) yield file.subarray(at, at + CHUNK_BYTES);
}

async function scan(file: Uint8Array, settings: Partial<CsvSettings>): Promise<number> {
  const codec = createCsvCodec({ ...defaultCsvSettings, ...settings });
  const context = {
    split: 'bench',
    after: null,
    limits: { rows: 1000, bytes: 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY },
  };
  let seen = 0;
  for await (const batch of codec.decode(chunksOf(file), context, null, new AbortController().signal)) {
    seen += batch.rows;
  }
  return seen;
}

async function csvParse(file: Uint8Array, delimiter: string): Promise<number> {
  const parser = parse({ delimiter, skip_empty_lines: true });
  let seen = -1;
  parser.on('data', () => {
    seen += 1;
  });
  const ended = new Promise((resolve, reject) => parser.on('end', resolve).on('error', reject));
  for await (const chunk of chunksOf(file)) {
    if (!parser.write(chunk)) await new Promise((resolve) => parser.once('drain', resolve));
  }
  parser.end();
  await ended;
  return seen;
}

async function report(name: string, file: Uint8Array, rounds: number, read: () => Promise<number>): Promise<void> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    const seen = await read();
    seconds.push((performance.now() - start) / 1000);
    if (seen !== rows) throw new Error(`${name}: ${seen} rows instead of ${rows}`);
  }
  const best = Math.min(...seconds);
  const rate = (rows / best / 1e6).toFixed(2);
  console.log(
    `${name.padEnd(28)} ${rate.padStart(6)} M rows/s ${(file.length / best / 1e6).toFixed(0).padStart(6)} MB/s`,
  );
}

for (const variant of variants) {
  const file = makeFile(variant);
  if (variant === variants[0]) console.log(`${(file.length / rows).toFixed(1)} bytes a row, best of ${ROUNDS} rounds`);
  await report(variant.name, file, ROUNDS, () => scan(file, variant.settings ?? {}));
  await report(`  csv-parse`, file, 1, () => csvParse(file, variant.delimiter ?? ','));
}
