import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messageOf } from '../../../src/core/error.ts';
import { Kernel } from '../../../src/core/kernel/kernel.ts';
import { joinRows } from '../../../src/scoring/output/join.ts';
import { type CellSource, compileRecord } from '../../../src/scoring/output/record-program.ts';
import { CsvTableReader } from '../../../src/scoring/wires/csv-table.ts';
import { numberedBody } from '../../../src/scoring/wires/row-witness.ts';
import { batchOf as canonicalBatch, linesOf, scoresOf } from './output/score-cells.ts';
import { batchOf } from './rows.ts';

const kernel = Kernel.load()!;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a call gives, or the message that it throws. */
function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return messageOf(error);
  }
}

const cell = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: fc.constantFrom('a', '7', '.', '-', 'é'), maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom('', '""', '"a,b"', '"two\nlines"', '"a""b"', '"""",') },
);

/** Rows of cells that are all as wide as the first. */
const rowsOf = (value: fc.Arbitrary<string>, widest: number, most: number): fc.Arbitrary<string[][]> =>
  fc
    .integer({ min: 1, max: widest })
    .chain((width) =>
      fc.array(fc.array(value, { minLength: width, maxLength: width }), { minLength: 1, maxLength: most }),
    );

describe('the kernel gives what the loops in TypeScript give', () => {
  test('for the numbered body of a request', () => {
    fc.assert(
      fc.property(rowsOf(fc.string({ maxLength: 40 }), 3, 130), (records) => {
        const batch = batchOf(records);
        const [a, b] = [numberedBody('h\n', batch, kernel), numberedBody('h\n', batch, null)];
        expect(Buffer.from(a.body).toString()).toBe(Buffer.from(b.body).toString());
      }),
    );
  });

  test('for replies, sound ones and all others, with the same message', () => {
    const prediction = fc.oneof(
      { weight: 20, arbitrary: fc.double({ noNaN: true }).map(String) },
      { weight: 1, arbitrary: fc.constantFrom('', 'nan', '"1.5"', '""', '"a,b"', '1e5', '-', 'é', '1.5\r') },
    );
    const headers = [
      'y_PREDICTION',
      'y_PREDICTION,prediction_status',
      'prediction_status,y_PREDICTION',
      'y_yes_PREDICTION,y_no_PREDICTION,y_PREDICTION',
    ];
    const status = fc.oneof(
      { weight: 20, arbitrary: fc.constant('OK') },
      { weight: 1, arbitrary: fc.constantFrom('', 'OKAY', '"OK"', 'bad') },
    );
    const edit = fc.record({
      at: fc.nat(),
      take: fc.nat({ max: 3 }),
      put: fc.constantFrom('', '\n', ',', '"', '0', '\r\n', '4294967296'),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...headers),
        fc.array(fc.tuple(prediction, prediction, prediction, status), { maxLength: 130 }),
        fc.boolean(),
        fc.option(edit, { freq: 3 }),
        fc.integer({ min: -1, max: 1 }),
        (header, rows, numbered, change, off) => {
          const lines = rows.map((row, i) => {
            const cells = header.split(',').map((name, c) => (name === 'prediction_status' ? row[3] : row[c]!));
            return [...cells, ...(numbered ? [String(i)] : [])].join(',');
          });
          let text = [`${header}${numbered ? ',n' : ''}`, ...lines, ''].join('\n');
          if (change !== null) {
            const at = change.at % text.length;
            text = text.slice(0, at) + change.put + text.slice(at + change.take);
          }
          const count = change === null && off !== 0 ? Math.max(0, rows.length + off) : rows.length;
          const read = (own: Kernel | null): unknown =>
            outcome(() => {
              const { release: _, ...table } = new CsvTableReader('t', own).read(
                bytesOf(text),
                count,
                numbered ? 'n' : null,
              );
              return { ...table, bytes: Buffer.from(table.bytes).toString(), ends: [...table.ends] };
            });
          expect(read(kernel)).toEqual(read(null));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('a row number that is right but for a multiple of 2^32 is not taken for right', () => {
    const reply = bytesOf('y_PREDICTION,n\n1.5,4294967296\n');
    expect(() => new CsvTableReader('t', kernel).read(reply, 1, 'n')).toThrow(/row/);
  });

  test('for the join of any cells in any order', () => {
    fc.assert(
      fc.property(
        rowsOf(cell, 5, 40),
        rowsOf(cell, 4, 1),
        fc.array(fc.tuple(fc.constantFrom('row', 'score', 'constant'), fc.nat({ max: 4 })), {
          minLength: 1,
          maxLength: 8,
        }),
        (rows, [pattern], picks) => {
          const columns = rows[0]!.length;
          const replies = rows.map((row) => pattern!.map((value, i) => (i === 0 ? row[0]! : value)));
          const all = picks.map(([from, n]): CellSource => {
            if (from === 'constant')
              return { from, bytes: bytesOf(['', '0.5', 'a text longer than sixteen bytes'][n % 3]!) };
            return from === 'row' ? { from, cell: n % columns } : { from: 'score', cell: n % pattern!.length };
          });
          // An output has each cell once: the room for it is counted so.
          const cells = [...new Map(all.map((source) => [JSON.stringify(source), source])).values()];
          const program = compileRecord(cells, pattern!.length, columns);
          const plan = {
            scored: program,
            unexplained: program,
            failed: program,
            decide: null,
            labelBytes: 0,
            lone: null,
          };
          const scored = pattern!.map((_, i) => ({ name: `c${i}`, role: { kind: 'other' } as const }));
          const batch = canonicalBatch(
            rows[0]!.map((_, i) => `column ${i}`),
            rows,
          );
          const join = (own: Kernel | null): string[] =>
            linesOf({ schema: null, ...joinRows(plan, batch, scoresOf(scored, replies), [], own) });
          // Without the kernel there must be lines, too: this is no comparison of nothing with nothing.
          expect(join(null)).toHaveLength(rows.length);
          expect(join(kernel)).toEqual(join(null));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('work that does not fit the scratch memory is left to the loops', () => {
    const rules = { columns: 1, most: 1, longest: 10, delimiter: 0x2c, quote: 0x22 };
    expect(kernel.scan(new Uint8Array(65 * 1024 * 1024), rules)).toBeNull();
    expect([...kernel.scan(bytesOf('a\n'), rules)!]).toEqual([2]);
  });
});
