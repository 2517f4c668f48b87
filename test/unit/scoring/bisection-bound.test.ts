import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeRecords } from '../../../src/core/canonical-csv.ts';
import { SluiceError } from '../../../src/core/error.ts';
import type { RowBatch } from '../../../src/core/row-batch.ts';
import type { Scorer, Scores } from '../../../src/core/scorer.ts';
import { withBisection } from '../../../src/scoring/bisection.ts';
import { ServerHealth, withHealth } from '../../../src/scoring/server-health.ts';
import { SizeLimit } from '../../../src/scoring/size-limit.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { never, numbered, recordsOf } from './rows.ts';

/** How the server tells that a request has a bad row: 400 and 422 are one to the scorer, a 500 may also be its own fault. */
type Telling = 'ROW_REJECTED' | 'SERVER_FAULT' | 'row marks';

/** A scorer that doubles ids and refuses requests with bad ones; `asked` counts its requests. */
class Server {
  asked = 0;
  readonly #bad: (id: number) => boolean;
  readonly #telling: Telling;

  constructor(telling: Telling, bad: (id: number) => boolean) {
    this.#telling = telling;
    this.#bad = bad;
  }

  readonly scorer: Scorer = {
    describe: async () => ({}),
    score: async (batch) => this.#score(batch),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };

  #score(batch: RowBatch): Scores {
    this.asked += 1;
    const ids = batch.records().map(([id]) => Number(id));
    const failures = ids.flatMap((id, row) =>
      this.#bad(id) ? [{ row, reason: `row ${id} is bad`, attempts: 1 }] : [],
    );
    if (failures.length > 0 && this.#telling !== 'row marks') throw new SluiceError(this.#telling, failures[0]!.reason);
    return {
      rows: ids.length,
      columns: [{ name: 'p', role: { kind: 'prediction' } }],
      ...encodeRecords(ids.map((id) => [2 * id])),
      failures,
      model: null,
    };
  }
}

function bisecting(server: Server) {
  const health = new ServerHealth(new ManualClock());
  return withBisection(withHealth(server.scorer, health), { enabled: true, health, limit: new SizeLimit() });
}

/** Bad rows of a batch: few, many, in one stretch, or each with the same chance. */
const badRows = (rows: number): fc.Arbitrary<ReadonlySet<number>> =>
  fc
    .oneof(
      fc.uniqueArray(fc.nat(rows - 1), { minLength: 1, maxLength: 8 }),
      fc.uniqueArray(fc.nat(rows - 1), { minLength: 1, maxLength: rows }),
      fc
        .tuple(fc.nat(rows - 1), fc.nat(rows - 1))
        .map(([a, b]) => Array.from({ length: Math.abs(a - b) + 1 }, (_, i) => Math.min(a, b) + i)),
    )
    .map((bad) => new Set(bad));

const cases = fc
  .integer({ min: 1, max: 1_500 })
  .chain((rows) => fc.record({ rows: fc.constant(rows), bad: badRows(rows) }));

const bound = (rows: number, bad: number): number => 2 * bad * Math.log2(rows) + 1;

it.each(['ROW_REJECTED', 'SERVER_FAULT', 'row marks'] as const)(
  'of any batch told by %s exactly the bad rows fail, within 2k·log2(n)+1 requests more',
  async (telling) => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ rows, bad }) => {
        const server = new Server(telling, (id) => bad.has(id));
        const scorer = bisecting(server);
        // A row that was scored before: then a 500 needs no other proof.
        await scorer.score(numbered(1, 100_000), never);
        server.asked = 0;
        const scores = await scorer.score(numbered(rows), never);
        expect(new Set(scores.failures.map(({ row }) => row))).toEqual(bad);
        for (const { row, reason } of scores.failures) expect(reason).toBe(`row ${row} is bad`);
        if (bad.size < rows) {
          const records = recordsOf(scores);
          for (let row = 0; row < rows; row += 1) if (!bad.has(row)) expect(records[row]).toBe(String(2 * row));
        }
        const more = server.asked - 1;
        if (telling === 'row marks') expect(more).toBe(0);
        // Of a single row it is one more: a 500 that comes back.
        else expect(more).toBeLessThanOrEqual(bound(rows, bad.size) + (rows === 1 ? 1 : 0));
      }),
      { numRuns: 60 },
    );
  },
);

it('of many bad rows, in every batch and in batches at once, each costs a few requests and no more', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 2, max: 5 }),
      fc.constantFrom('ROW_REJECTED', 'SERVER_FAULT' as const),
      async (sizes, every, telling) => {
        const isBad = (id: number): boolean => id % every !== 0;
        const server = new Server(telling, isBad);
        const scorer = bisecting(server);
        await scorer.score(numbered(1, 0), never);
        server.asked = 0;
        const batches = await Promise.all(sizes.map((rows) => scorer.score(numbered(rows), never)));
        const failed = batches.map(({ failures }) => failures.map(({ row }) => row));
        expect(failed).toEqual(sizes.map((rows) => Array.from({ length: rows }, (_, row) => row).filter(isBad)));
        const rows = sizes.reduce((sum, size) => sum + size, 0);
        // After a 500 a single row is asked for twice, and now and then a good one to see whether the server works at all.
        expect(server.asked).toBeLessThanOrEqual((telling === 'SERVER_FAULT' ? 4 : 2) * rows + sizes.length);
      },
    ),
    { numRuns: 40 },
  );
});
