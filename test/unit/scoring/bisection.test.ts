import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Scores } from '../../../src/core/scorer.ts';
import { createScorer, type DeploymentAddress, type StackSettings } from '../../../src/scoring/scorer-stack.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { PredictionServer, type PredictionServerOptions } from '../../support/prediction-server.ts';
import { batchOf, faultOf, never, numbered } from './rows.ts';

let server: PredictionServer;
let clock: ManualClock;
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  server = await PredictionServer.start();
  clock = new ManualClock();
  clock.autoAdvance();
});

afterEach(async () => {
  for (const scorer of open.splice(0)) await scorer.close();
  await server.close();
});

function stack(settings: Partial<StackSettings> = {}, address: Partial<DeploymentAddress> = {}) {
  const made = createScorer(
    { id: 'flights', server: server.url, ...address },
    { numConcurrent: 1, ...settings },
    { clock },
  );
  open.push(made.scorer);
  return made.scorer;
}

const rejecting = (bad: ReadonlySet<number>): PredictionServerOptions => ({
  reject: ([id]) => (bad.has(Number(id)) ? `row ${id} is bad` : null),
});

/** Every row has its own prediction, or is among the failures with its own reason. */
function expectOutcomes(scores: Scores, rows: number, bad: ReadonlySet<number>, reasons?: 'any'): void {
  expect(scores.rows).toBe(rows);
  expect(scores.failures.map((failure) => failure.row)).toEqual([...bad].toSorted((a, b) => a - b));
  for (const { row, reason, attempts } of scores.failures) {
    if (reasons !== 'any') expect(reason).toContain(`row ${row} is bad`);
    expect(attempts).toBeGreaterThanOrEqual(1);
  }
  if (bad.size === rows) {
    expect(scores.columns).toEqual([]);
    return;
  }
  const records = Buffer.from(scores.bytes).toString().split('\n');
  expect(records).toHaveLength(rows + 1);
  for (let row = 0; row < rows; row += 1) if (!bad.has(row)) expect(records[row]).toBe(String(2 * row));
  expect(scores.ends).toHaveLength(rows);
}

/** A row that no test calls bad. */
const knownGood = numbered(1, 1000);

/** How many rows, and which of them are bad: at least one. */
const spoiled = fc.integer({ min: 1, max: 70 }).chain((rows) =>
  fc.tuple(
    fc.constant(rows),
    fc.uniqueArray(fc.nat(rows - 1), { minLength: 1, maxLength: Math.min(rows, 12) }).map((bad) => new Set(bad)),
  ),
);

const bound = (rows: number, bad: number): number => 2 * bad * Math.log2(rows) + 1;

describe('a batch with bad rows', () => {
  it.each([400, 422] as const)(
    'answered with %i fails in them alone, within the bound of requests',
    async (rejectAs) => {
      const scorer = stack();
      await fc.assert(
        fc.asyncProperty(spoiled, async ([rows, bad]) => {
          server.options = { ...rejecting(bad), rejectAs };
          const before = server.requests.length;
          expectOutcomes(await scorer.score(numbered(rows), never), rows, bad);
          expect(server.requests.length - before - 1).toBeLessThanOrEqual(bound(rows, bad.size));
        }),
        { numRuns: 60 },
      );
      expect(server.maxInFlight).toBe(1);
    },
  );

  it('answered with 500 fails in them alone, within the same bound', async () => {
    await fc.assert(
      fc.asyncProperty(spoiled, async ([rows, bad]) => {
        server.options = { ...rejecting(bad), rejectAs: 500 };
        const scorer = stack();
        await scorer.score(knownGood, never);
        const before = server.requests.length;
        expectOutcomes(await scorer.score(numbered(rows), never), rows, bad);
        const single = rows === 1 ? 1 : 0;
        expect(server.requests.length - before - 1).toBeLessThanOrEqual(bound(rows, bad.size) + single);
      }),
      { numRuns: 60 },
    );
  });

  it.each([0, 1, -1])('that the server names (first row is %i) fails in them alone', async (namesRow) => {
    const scorer = stack();
    await fc.assert(
      fc.asyncProperty(spoiled, async ([rows, bad]) => {
        server.options = { ...rejecting(bad), namesRow };
        const before = server.requests.length;
        expectOutcomes(await scorer.score(numbered(rows), never), rows, bad);
        const more = server.requests.length - before - 1;
        if (namesRow === 0) expect(more).toBeLessThanOrEqual(Math.min(3 * bad.size, bound(rows, bad.size)));
      }),
      { numRuns: 40 },
    );
  });

  it.each(['csv', 'json'] as const)('told row by row in %s takes no further request', async (reply) => {
    const scorer = stack({}, { reply, target: 'y' });
    const bad = new Set([0, 3, 4, 9]);
    server.options = { ...rejecting(bad), rejectAs: 'row' };
    expectOutcomes(await scorer.score(numbered(10), never), 10, bad);
    expect(server.requests).toHaveLength(1);
  });

  it('all rejected alike ends with every row failed, and no more than two requests for each', async () => {
    server.options = rejecting(new Set(Array.from({ length: 50 }, (_, i) => i)));
    const scores = await stack().score(numbered(50), never);
    expect(scores.failures).toHaveLength(50);
    expect(server.requests.length).toBeLessThanOrEqual(100);
  });

  it.each([422, 500] as const)('fails as a whole after %i when rows must not be told apart', async (rejectAs) => {
    const scorer = stack({ disableRowLevelErrorHandling: true });
    await scorer.score(numbered(2), never);
    server.options = { ...rejecting(new Set([7])), rejectAs };
    const scores = await scorer.score(numbered(10), never);
    expect(scores.failures.map((failure) => failure.row)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(scores.failures[0]!.reason).toContain('row 7 is bad');
    expect(server.requests.length).toBeLessThanOrEqual(4);
  });

  it('counts the requests that held a row', async () => {
    server.options = rejecting(new Set([0]));
    const scores = await stack().score(numbered(8), never);
    expect(scores.failures).toEqual([{ row: 0, reason: 'HTTP 422: row 0 is bad', attempts: 4 }]);
  });
});

describe('a server that answers 500', () => {
  it('once, at any request, spoils no row', async () => {
    await fc.assert(
      fc.asyncProperty(spoiled, fc.nat(20), async ([rows, bad], stray) => {
        const scorer = stack();
        await scorer.score(knownGood, never);
        const from = server.requests.length;
        server.options = {
          ...rejecting(bad),
          rejectAs: 500,
          respond: ({ number }) => (number === from + stray ? { status: 500 } : undefined),
        };
        expectOutcomes(await scorer.score(numbered(rows), never), rows, bad, 'any');
        server.options = {};
      }),
      { numRuns: 60 },
    );
  });

  it('to everything for a while is waited for, whenever that begins, and spoils no row', async () => {
    await fc.assert(
      fc.asyncProperty(spoiled, fc.nat(20), fc.integer({ min: 1, max: 60 }), async ([rows, bad], start, length) => {
        const scorer = stack();
        await scorer.score(knownGood, never);
        const from = server.requests.length + start;
        server.options = {
          ...rejecting(bad),
          rejectAs: 500,
          respond: ({ number }) => (number >= from && number < from + length ? { status: 500 } : undefined),
        };
        expectOutcomes(await scorer.score(numbered(rows), never), rows, bad, 'any');
        server.options = {};
      }),
      { numRuns: 60 },
    );
  });

  it('to everything, for good, is no fault of the rows: the retry budget ends the job with its words', async () => {
    server.options = { respond: () => ({ status: 500, body: '{"message":"the model is gone"}' }) };
    const fault = await faultOf(stack().score(numbered(1000), never));
    expect(fault).toMatchObject({ code: 'RETRY_BUDGET_SPENT', scope: 'job' });
    expect(fault.message).toContain('the model is gone');
    // Each turn asks for the batch, its halves and eight rows; the turns become rare.
    expect(server.requests.length).toBeLessThan(60 * 11);
  });
});

describe('a batch that is too large', () => {
  it('is halved until it fits, and later ones are cut beforehand', async () => {
    const scorer = stack();
    server.options = { maxBytes: 1000 };
    const rows = 200;
    for (let turn = 0; turn < 3; turn += 1) expectOutcomes(await scorer.score(numbered(rows), never), rows, new Set());
    const sizes = server.requests.map((request) => request.body.length);
    const refused = sizes.filter((size) => size > 1000);
    expect(refused.length).toBeLessThanOrEqual(4);
    const before = server.requests.length;
    expectOutcomes(await scorer.score(numbered(rows), never), rows, new Set());
    expect(sizes.slice(before).every((size) => size <= 1000)).toBe(true);
  });

  it('fails in the row that is too large by itself, and in no other', async () => {
    const scorer = stack();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.nat(39), async (rows, huge) => {
        server.options = { reject: () => null, maxBytes: 400 };
        const at = huge % rows;
        const batch = numbered(rows);
        const records = batch.records().map((record, i) => (i === at ? [record[0]!, 'x'.repeat(1000)] : record));
        const scores = await scorer.score(batchOf(records), never);
        expect(scores.failures.map((failure) => failure.row)).toEqual([at]);
        expect(scores.failures[0]!.reason).toContain('413');
      }),
      { numRuns: 40 },
    );
  });

  it('is halved also when bad rows are not told apart', async () => {
    const scorer = stack({ disableRowLevelErrorHandling: true });
    server.options = { maxBytes: 500 };
    expectOutcomes(await scorer.score(numbered(100), never), 100, new Set());
  });

  it('and has bad rows too fails in those alone', async () => {
    const scorer = stack();
    const bad = new Set([3, 77, 78, 199]);
    server.options = { ...rejecting(bad), maxBytes: 600 };
    expectOutcomes(await scorer.score(numbered(200), never), 200, bad);
  });
});

it('an abort in the middle of the splitting ends it with the reason', async () => {
  const scorer = stack();
  const stop = new AbortController();
  server.options = {
    ...rejecting(new Set([5])),
    respond: ({ number }) => {
      if (number === 3) stop.abort(new Error('enough'));
      return undefined;
    },
  };
  await expect(scorer.score(numbered(64), stop.signal)).rejects.toThrow('enough');
  expect(server.requests).toHaveLength(4);
});
