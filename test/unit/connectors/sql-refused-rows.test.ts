import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SqlConnection } from '../../../connectors/sql/driver.ts';
import { withoutRefused } from '../../../connectors/sql/refused-rows.ts';
import { SqlFault } from '../../../connectors/sql/sql-fault.ts';
import { sqliteDialect } from '../../../connectors/sql/sqlite/sqlite-dialect.ts';

const { signal } = new AbortController();
const { savepoint } = sqliteDialect;

/** A table that refuses some rows, in a transaction with savepoints; a load that fails leaves its first rows behind, as databases do. */
async function load(count: number, bad: ReadonlySet<number>, names: (row: number) => boolean) {
  let rows: number[] = [];
  const saved: (readonly number[])[] = [];
  const found = { rows, refused: [] as number[], sent: 0, deepest: 0, left: 0 };
  const execute = async (sql: string): Promise<number> => {
    if (sql === savepoint.set) saved.push([...rows]);
    else if (sql === savepoint.rollback) rows = [...saved.at(-1)!];
    else if (sql === savepoint.release) saved.pop();
    found.deepest = Math.max(found.deepest, saved.length);
    return 0;
  };
  const attempt = async (from: number, to: number): Promise<void> => {
    found.sent += to - from;
    for (let row = from; row < to; row += 1) {
      if (bad.has(row)) throw new SqlFault('row', 'refused', names(row) ? { row: row - from } : {});
      rows.push(row);
    }
  };
  const connection = { execute } as unknown as SqlConnection;
  const onRefused = ({ row }: { readonly row: number }): void => void found.refused.push(row);
  await withoutRefused({ from: 0, to: count }, attempt, connection, sqliteDialect, onRefused, signal);
  return { ...found, rows, left: saved.length };
}

test('exactly the bad rows are refused, the others are in, both in their order, and no savepoint stays', async () => {
  const some = fc.integer({ min: 0, max: 2000 }).chain((count) =>
    fc.record({
      count: fc.constant(count),
      bad: fc.uniqueArray(fc.nat({ max: Math.max(0, count - 1) }), { maxLength: 40 }),
      every: fc.integer({ min: 1, max: 3 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(some, async ({ count, bad, every }) => {
      const wrong = new Set(bad.filter((row) => row < count));
      const { rows, refused, deepest, left } = await load(count, wrong, (row) => row % every === 0);
      const all = Array.from({ length: count }, (_, row) => row);
      expect(refused).toEqual(all.filter((row) => wrong.has(row)));
      expect(rows).toEqual(all.filter((row) => !wrong.has(row)));
      expect(deepest).toBeLessThanOrEqual(1);
      expect(left).toBe(0);
    }),
  );
});

test('where the database names bad rows, many of them do not make all that comes behind be sent again for each', async () => {
  const bad = new Set(Array.from({ length: 500 }, (_, i) => i * 40 + 7));
  const { sent, refused } = await load(20_000, bad, () => true);
  expect(refused).toHaveLength(500);
  // One after the other without parts it would be 5 million.
  expect(sent).toBeLessThan(20_000 * 10);
});
