import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dialectOf } from '../../../src/codecs/csv/csv-dialect.ts';
import { defaultCsvSettings } from '../../../src/codecs/csv/csv-settings.ts';
import { RecordScanner } from '../../../src/codecs/csv/record-scanner.ts';
import { Kernel } from '../../../src/core/kernel/kernel.ts';

interface Settings {
  readonly raggedRows: 'fail' | 'skip';
  readonly cut: number;
  readonly rows: number;
  readonly bytes: number;
  readonly maxRecordBytes: number;
}

/** Everything that a scanner tells about a file, batch by batch. */
function scanned(file: Uint8Array, columns: number, settings: Settings, kernel: Kernel | null): unknown[] {
  const { raggedRows, cut, rows, bytes, maxRecordBytes } = settings;
  const dialect = { ...dialectOf({ ...defaultCsvSettings, raggedRows }), maxRecordBytes };
  const scanner = new RecordScanner(dialect, 'a.csv', { offset: 0, row: 0, line: 1 }, kernel);
  const seen: unknown[] = [];
  let at = 0;
  scanner.begin(columns, rows, bytes);
  for (;;) {
    const stop = scanner.scan();
    if (stop === 'more' && at < file.length) {
      scanner.append(file.subarray(at, at + cut));
      at += cut;
      continue;
    }
    if (stop === 'more' && !scanner.finished) {
      scanner.finish();
      continue;
    }
    const { position } = scanner;
    const taken = scanner.take();
    seen.push({
      stop,
      position,
      message: scanner.failure?.message,
      text: Buffer.from(taken.bytes).toString('latin1'),
      ends: [...taken.ends],
      lines: [...taken.lines],
      rejected: taken.rejected,
    });
    // What was released may be overwritten at once; what is read here was copied.
    taken.release();
    if (stop !== 'full') return seen;
    scanner.begin(columns, rows, bytes);
  }
}

const field = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: fc.constantFrom('a', '0', '.', 'é', ' '), maxLength: 30 }) },
  { weight: 1, arbitrary: fc.constantFrom('"q"', '"a,b"', '"two\nlines"', '""', '"a""b"', 'x"', '"open', '\r') },
);
const lineEnd = fc.oneof(
  { weight: 20, arbitrary: fc.constant('\n') },
  { weight: 1, arbitrary: fc.constantFrom('\r\n', '\r', '\n\n', '') },
);

test('the scanner gives the same with the kernel and without it, for any file, cut and batch size', () => {
  const kernel = Kernel.load()!;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }).chain((columns) =>
        fc.record({
          columns: fc.constant(columns),
          lines: fc.array(
            fc.tuple(
              fc.oneof(
                {
                  weight: 30,
                  arbitrary: fc.array(field, { minLength: columns, maxLength: columns }),
                },
                { weight: 1, arbitrary: fc.array(field, { maxLength: 6 }) },
              ),
              lineEnd,
            ),
            { maxLength: 120 },
          ),
        }),
      ),
      fc.record({
        raggedRows: fc.constantFrom('fail', 'skip'),
        cut: fc.integer({ min: 1, max: 300 }),
        rows: fc.integer({ min: 1, max: 60 }),
        bytes: fc.integer({ min: 1, max: 800 }),
        maxRecordBytes: fc.constantFrom(20, 60, 2 ** 30),
      }),
      ({ columns, lines }, settings) => {
        const file = Buffer.from(lines.map(([fields, end]) => fields.join(',') + end).join(''));
        expect(scanned(file, columns, settings, kernel)).toEqual(scanned(file, columns, settings, null));
      },
    ),
    { numRuns: 1000 },
  );
});

test('a record is found wherever its end lies within the 64 bytes that the kernel looks at', () => {
  const kernel = Kernel.load()!;
  for (let length = 1; length <= 200; length += 1) {
    const file = Buffer.from(`${'a'.repeat(length)}\n`.repeat(5));
    const rules = { columns: 1, most: 100, longest: 1000, delimiter: 0x2c, quote: 0x22 };
    expect([...kernel.scan(file, rules)!]).toEqual([1, 2, 3, 4, 5].map((n) => n * (length + 1)));
    expect([...kernel.scan(file.subarray(0, -1), rules)!]).toEqual([1, 2, 3, 4].map((n) => n * (length + 1)));
  }
});
