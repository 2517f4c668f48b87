import { describe, expect, test } from 'vitest';
import { BatchSizing } from '../../../src/jobs/batch-sizing.ts';
import { resolveJob } from '../../../src/jobs/description/parse-job.ts';
import { LearnedSize } from '../../../src/jobs/learned-size.ts';
import { learnsSize } from '../../../src/jobs/learns-size.ts';
import { ServerBudget } from '../../../src/scoring/limiter/server-budget.ts';
import type { SentRequest } from '../../../src/scoring/limiter.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { SimulatedServer } from '../scoring/limiter/simulated-server.ts';

const ROW_BYTES = 100;
const KIB = 1024;
const BYTES = { bytes: 256 * KIB, least: 16 * KIB, most: 5_000_000 };
const never = new AbortController().signal;
/** Batches that are cut before they are needed. */
const AHEAD = 8;
const SECONDS = 120;

type Serve = (rows: number) => Promise<'ok' | 'overload' | 'tooLarge'>;
type MakeServer = (clock: VirtualClock) => Serve;

const workers =
  (service: (rows: number, ms: number) => number, jitter = 0.1): MakeServer =>
  (clock) => {
    const server = new SimulatedServer(clock, {
      workers: () => 4,
      service: (rows) => service(rows, clock.now()),
      jitter,
    });
    return (rows) => server.serve(rows);
  };

/** Gathers what comes in 20 ms, and scores it all at once. */
const gathering: MakeServer = (clock) => {
  const server = new SimulatedServer(clock, { workers: () => 2, service: (rows) => 60 + 0.01 * rows, jitter: 0.1 });
  let group: { rows: number; readonly done: Promise<'ok' | 'overload'> } | null = null;
  return (rows) => {
    if (group === null) {
      const mine = { rows: 0, done: Promise.resolve<'ok' | 'overload'>('ok') };
      const wait = async (): Promise<'ok' | 'overload'> => {
        await clock.sleep(20, never);
        group = null;
        return await server.serve(mine.rows);
      };
      group = Object.assign(mine, { done: wait() });
    }
    group.rows += rows;
    return group.done;
  };
};

const servers: Readonly<Record<string, MakeServer>> = {
  'a fixed cost': workers((rows) => 200 + 0.001 * rows),
  'a cost by the row': workers((rows) => 2 + 0.05 * rows),
  'a cost that grows faster than the rows': workers((rows) => 20 + 0.02 * rows + 1e-5 * rows ** 2),
  '413 from 1 MB on': (clock) => {
    const serve = workers((rows) => 200 + 0.01 * rows)(clock);
    return async (rows) => {
      if (rows * ROW_BYTES <= 1_000_000) return await serve(rows);
      await clock.sleep(5, never);
      return 'tooLarge';
    };
  },
  'requests gathered by the server': gathering,
  'a cold start': workers((rows, ms) => (50 + 0.02 * rows) * (1 + 9 * Math.exp(-ms / 10_000))),
};

/** Rows per second in the second half of a run, and the sizes that were used. */
async function run(
  make: MakeServer,
  size: Pick<LearnedSize, 'rows' | 'bytes' | 'observe'>,
  seed: number,
): Promise<{ readonly rate: number; readonly limits: readonly number[]; readonly sizes: readonly number[] }> {
  const clock = new VirtualClock(seed);
  const serve = make(clock);
  const limiter = new ServerBudget(clock).join({ ceiling: 32 });
  const cut = (): number => Math.min(size.rows, Math.floor(size.bytes / ROW_BYTES));
  const batches = Array.from({ length: AHEAD }, cut);
  let scored = 0;
  const score = async (rows: number): Promise<void> => {
    const permit = await limiter.acquire(never);
    const begun = clock.now();
    const { inFlight, isSettled } = limiter;
    const answer = await serve(rows);
    const isTooLarge = answer === 'tooLarge';
    const result = isTooLarge ? 'other' : answer;
    const endedMs = clock.now();
    const outcome = { latencyMs: endedMs - begun, rows, result } as const;
    permit.release(outcome);
    size.observe({ ...outcome, bytes: rows * ROW_BYTES, inFlight, endedMs, isSettled, isTooLarge });
    if (isTooLarge) {
      await score(rows >> 1);
      await score(rows - (rows >> 1));
    } else if (clock.now() > 500 * SECONDS) scored += rows;
  };
  const always = async (): Promise<void> => {
    for (;;) {
      batches.push(cut());
      await score(batches.shift()!);
    }
  };
  const limits: number[] = [];
  const sizes: number[] = [];
  for (let second = 1; second <= SECONDS; second += 1) {
    clock.at(1000 * second, () => {
      limits.push(limiter.limit);
      sizes.push(cut());
    });
  }
  for (let i = 0; i < 32; i += 1) void always();
  await clock.runUntil(1000 * SECONDS);
  return { rate: (2 * scored) / SECONDS, limits, sizes };
}

const learned = (): LearnedSize => new LearnedSize({ ...BYTES, rows: 5_000, fast: Infinity });
const given = (bytes: number) => ({ bytes, rows: Infinity, observe: () => undefined });

describe('the size of requests that is learned', () => {
  test.each(Object.entries(servers))('%s: within a tenth of the best of a grid', async (_, make) => {
    const grid: number[] = [];
    for (let bytes = 2 * BYTES.least; bytes < 2 * BYTES.most; bytes *= 2)
      grid.push((await run(make, given(Math.min(bytes, BYTES.most)), 1)).rate);
    // On the mean: how soon a run comes to its size is a matter of chance.
    const rates = await Promise.all([1, 2].map(async (seed) => (await run(make, learned(), seed)).rate));
    expect((rates[0]! + rates[1]!) / 2).toBeGreaterThanOrEqual(0.9 * Math.max(...grid));
  });

  test('size and concurrency do not chase each other: both come to rest', async () => {
    const server = workers((rows) => 40 + 0.04 * rows);
    const { limits, sizes } = await run(server, learned(), 1);
    const late = SECONDS / 2;
    expect(Math.max(...limits.slice(late)) / Math.min(...limits.slice(late))).toBeLessThanOrEqual(4);
    const changes = sizes.slice(late).filter((size, at) => at > 0 && size !== sizes[late + at - 1]).length;
    expect(changes).toBeLessThanOrEqual(late / 4);
  });
});

describe('what is learned from one request', () => {
  const request = { latencyMs: 100, rows: 2621, bytes: 256 * KIB, inFlight: 4, isSettled: true, isTooLarge: false };
  let endedMs = 0;
  const ok = { ...request, result: 'ok' } as const;
  const told = (size: LearnedSize, sent: Omit<SentRequest, 'endedMs'>, times = 1): void => {
    for (let i = 0; i < times; i += 1) {
      endedMs += 25;
      size.observe({ ...sent, endedMs });
    }
  };

  test('nothing while the limit is on its way, nor of requests of another size', () => {
    const size = learned();
    told(size, { ...ok, isSettled: false }, 1000);
    told(size, { ...ok, bytes: 200 * KIB }, 1000);
    told(size, { ...ok, result: 'other' }, 1000);
    expect(size.bytes).toBe(BYTES.bytes);
    told(size, ok, 25);
    expect(size.bytes).toBe(2 * BYTES.bytes);
  });

  test('nothing where the client moves so much that larger requests cost it more than they save', () => {
    const size = new LearnedSize({ ...BYTES, rows: 5_000, fast: 10_000 });
    told(size, ok, 1000);
    expect(size.bytes).toBe(BYTES.bytes);
    for (let i = 0; i < 25; i += 1) {
      endedMs += 25;
      told(size, ok);
    }
    expect(size.bytes).toBe(2 * BYTES.bytes);
  });

  test('a size at which the server is overloaded is given up', () => {
    const size = learned();
    told(size, ok, 25);
    told(size, { ...request, bytes: 512 * KIB, result: 'overload' }, 2);
    expect(size.bytes).toBe(BYTES.bytes);
  });

  test('what is too large once is too large for good', () => {
    const size = learned();
    told(size, { ...request, result: 'other', isTooLarge: true });
    const { bytes } = size;
    expect(bytes).toBe(Math.round(0.9 * BYTES.bytes));
    let most = 0;
    for (let i = 0; i < 1000; i += 1) {
      most = Math.max(most, size.bytes);
      told(size, { ...ok, bytes: size.bytes, rows: size.bytes / ROW_BYTES });
    }
    expect(most).toBe(bytes);
  });

  test('rows end a batch as bytes do', () => {
    const size = learned();
    told(size, { ...ok, bytes: 10_000, rows: 5000 }, 25);
    expect([size.bytes, size.rows]).toEqual([2 * BYTES.bytes, 10_000]);
  });
});

describe('which jobs learn', () => {
  const job = (path: string, more: object = {}) =>
    resolveJob({
      deployment: { id: 'd', server: 'http://one' },
      intakeSettings: { file: 'in.csv' },
      outputSettings: { path },
      ...more,
    });

  test.each([
    ['out.csv', {}, true],
    ['out.jsonl', {}, true],
    ['-', {}, true],
    ['out.csv.gz', {}, false],
    ['out.avro', {}, false],
    ['out.parquet', {}, false],
    ['out.csv', { outputSettings: { path: 'out.csv', compression: 'zstd' } }, false],
    ['out.csv', { engine: 'kafka', kafka: { brokers: ['one:9092'] } }, false],
    ['out.csv', { chunkSize: 'dynamic' }, false],
    ['out.csv', { chunkSize: 1000 }, false],
    ['out.csv', { maxExplanations: 3 }, true],
    ['out.csv', { maxExplanations: 3, explanationAlgorithm: 'occlusion' }, false],
  ] as const)('%s with %j: %s', (path, more, learns) => {
    expect(learnsSize(job(path, more))).toBe(learns);
  });

  test('rows that the job gives are a bound, those that it does not give a beginning', () => {
    const rowsAfterGrowth = (more: object): number => {
      const sizing = new BatchSizing(job('out.csv', more), true);
      for (let i = 1; i <= 25; i += 1)
        sizing.sent({
          latencyMs: 1000,
          rows: sizing.rows,
          bytes: 50_000,
          inFlight: 1,
          endedMs: 1000 * i,
          isSettled: true,
          isTooLarge: false,
          result: 'ok',
        });
      return sizing.rows;
    };
    expect(rowsAfterGrowth({})).toBe(10_000);
    expect(rowsAfterGrowth({ chunkRows: 300 })).toBe(300);
  });
});
