import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeRecord, encodeRecords } from '../../../src/core/canonical-csv.ts';
import type { Scores } from '../../../src/core/scorer.ts';
import { allFailed, mergeScores } from '../../../src/scoring/merge-scores.ts';

function scoresOf(names: readonly string[], rows: readonly (string | null)[][], failed: readonly number[]): Scores {
  return {
    rows: rows.length,
    columns: names.map((name) => ({ name, role: { kind: 'other' } })),
    ...encodeRecords(rows),
    failures: failed.map((row) => ({ row, reason: `${row}`, attempts: 1 })),
    model: { id: 'm' },
  };
}

it('the parts of a batch together are the whole: every record and every failure at its place', () => {
  const cell = fc.oneof(fc.constant(null), fc.string({ unit: fc.constantFrom('a', 'é', ',', '"', '\n') }));
  const part = (width: number) =>
    fc.record({
      failed: fc.boolean(),
      rows: fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 5 }),
    });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }).chain((width) => fc.array(part(width), { minLength: 1, maxLength: 6 })),
      (parts) => {
        const width = parts[0]!.rows[0]!.length;
        const names = Array.from({ length: width }, (_, i) => `c${i}`);
        const merged = mergeScores(
          parts.map(({ failed, rows }) =>
            failed
              ? allFailed(rows.map((_, row) => ({ row, reason: 'bad', attempts: 2 })))
              : scoresOf(names, rows, [0]),
          ),
        );
        const all = parts.flatMap(({ failed, rows }) => rows.map((row) => (failed ? null : row)));
        expect(merged.rows).toBe(all.length);
        const wanted = parts.flatMap(({ failed, rows }) => rows.map((_, row) => failed || row === 0));
        expect(merged.failures.map((failure) => failure.row)).toEqual(
          wanted.flatMap((failed, row) => (failed ? [row] : [])),
        );
        if (parts.every(({ failed }) => failed)) {
          expect(merged.columns).toEqual([]);
          return;
        }
        expect(merged.model).toEqual({ id: 'm' });
        for (const [row, record] of all.entries()) {
          const start = row === 0 ? 0 : merged.ends[row - 1]!;
          const found = decodeRecord(merged.bytes, start, merged.ends[row]!);
          if (record === null) expect(found).toHaveLength(width);
          else expect(found).toEqual(record.map((value) => (width === 1 && value === null ? '' : value)));
        }
        expect(merged.ends.at(-1)).toBe(merged.bytes.length);
      },
    ),
  );
});

it('parts with other columns are not put together', () => {
  const one = scoresOf(['a'], [['1']], []);
  const other = scoresOf(['b'], [['1']], []);
  expect(() => mergeScores([one, other])).toThrow(expect.objectContaining({ code: 'REPLY_MISMATCH' }));
});
