import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SILENT_MS } from '../../../../src/scoring/limiter/neighbours.ts';
import { isWhole } from '../../../support/effort.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { Processes, type User } from './processes.ts';
import { SimulatedServer } from './simulated-server.ts';
import { mean } from './simulation.ts';

const SECOND = 1000;
/** In `npm run test:grid` all cases, by more seeds. */
const SEEDS = isWhole ? [1, 2, 3] : [1];

interface Setting {
  readonly seed: number;
  readonly workers: number;
  readonly ms?: number;
  readonly jitter?: number;
  readonly delayMs?: number;
}

function setUp({ seed, workers, ms = 100, jitter = 0.5, delayMs = 300 }: Setting) {
  const clock = new VirtualClock(seed);
  const server = new SimulatedServer(clock, { workers: () => workers, service: () => ms, jitter });
  return { clock, server, processes: new Processes(clock, server, () => delayMs * clock.random()) };
}

const ratio = (counts: readonly number[]): number => Math.max(...counts) / Math.min(...counts);

describe('processes that know nothing of each other', () => {
  const cases = [
    { count: 2, workers: 8, apart: 20 },
    { count: 4, workers: 8, apart: 0 },
    { count: 4, workers: 4, apart: 20 },
    ...(isWhole
      ? [
          { count: 2, workers: 8, apart: 0 },
          { count: 4, workers: 8, apart: 20 },
          { count: 4, workers: 32, apart: 20 },
          { count: 2, workers: 4, apart: 20 },
        ]
      : []),
  ];
  test.each(cases)(
    '$count of them, $workers workers, $apart s apart: parts within a factor of two, the server busy, no queue that grows',
    async ({ count, workers, apart }) => {
      for (const seed of SEEDS) {
        const { clock, server, processes } = setUp({ seed, workers });
        const users: User[] = [];
        for (let i = 0; i < count; i += 1)
          clock.at(i * apart * SECOND, () => {
            users[i] = processes.start(null).join();
            users[i]!.sendAlways();
          });
        // From a minute after the last has come, for four minutes.
        const from = (count * apart + 60) * SECOND;
        const to = from + 240 * SECOND;
        const inFlight: number[] = [];
        for (let at = from; at < to; at += 500) clock.at(at, () => inFlight.push(processes.inFlight));
        await clock.runUntil(to);
        expect(ratio(users.map((user) => user.answers(from, to)))).toBeLessThan(2);
        expect(server.utilisation).toBeGreaterThan(0.95);
        // Each of them keeps a queue of its own; it is as long at the end as it was at first.
        const quarter = inFlight.length / 4;
        expect(mean(inFlight)).toBeLessThan(workers + 5 * Math.sqrt(count * workers));
        expect(mean(inFlight.slice(-quarter))).toBeLessThan(2 * mean(inFlight.slice(0, quarter)));
      }
    },
  );
});

describe('processes that tell each other', () => {
  const fate = fc.record({
    comesAt: fc.integer({ min: 0, max: 60 }),
    stays: fc.integer({ min: 10, max: 50 }),
    end: fc.constantFrom('stays', 'stays', 'leaves', 'dies'),
  });

  test('whoever comes, leaves or dies, and however late messages are: equal parts, all of the server used, no more than it bears', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 4, max: 16 }),
        fc.integer({ min: 100, max: 300 }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        fc.integer({ min: 0, max: 3_000 }),
        fc.array(fate, { minLength: 2, maxLength: 5 }),
        fc.nat(),
        async (workers, ms, jitter, delayMs, fates, seed) => {
          const { clock, processes } = setUp({ seed, workers, ms, jitter, delayMs });
          const staying: User[] = [];
          for (const [i, { comesAt, stays, end }] of fates.entries())
            clock.at(comesAt * SECOND, () => {
              const one = processes.start(`process ${i}`);
              const user = one.join();
              user.sendAlways();
              if (end === 'stays') staying.push(user);
              else clock.at((comesAt + stays) * SECOND, () => (end === 'dies' ? one.die() : one.leave()));
            });
          const bears = workers + 2 * Math.sqrt(fates.length * workers) + fates.length;
          let above = 0;
          let longest = 0;
          for (let at = 0; at < 240 * SECOND; at += 250)
            clock.at(at, () => {
              above = processes.inFlight > bears ? above + 250 : 0;
              longest = Math.max(longest, above);
            });
          await clock.runUntil(240 * SECOND);
          expect(longest).toBeLessThan(30 * SECOND);
          if (staying.length === 0) return;
          const counts = staying.map((user) => user.answers(150 * SECOND, 240 * SECOND));
          expect(ratio(counts)).toBeLessThan(1.7);
          const most = (workers / (ms * (1 + jitter))) * 90 * SECOND;
          expect(mean(counts) * counts.length).toBeGreaterThan(0.9 * most);
        },
      ),
      { numRuns: isWhole ? 40 : 3 },
    );
  });

  test('live before batch, and no batch process starves', async () => {
    for (const seed of SEEDS) {
      const { clock, processes, server } = setUp({ seed, workers: 8 });
      const [live, one, two] = ['a', 'b', 'c'].map((name) =>
        processes.start(name, { priority: name === 'a' ? 'live' : 'batch' }).join(),
      ) as [User, User, User];
      for (const user of [one, two, live]) user.sendAlways();
      await clock.runUntil(180 * SECOND);
      const counts = [live, one, two].map((user) => user.answers(60 * SECOND, 180 * SECOND));
      expect(counts[0]).toBeGreaterThan(2 * (counts[1]! + counts[2]!));
      expect(Math.min(...counts)).toBeGreaterThan(120);
      expect(server.utilisation).toBeGreaterThan(0.95);
    }
  });

  test('maxShare is kept to, and what it leaves the others have', async () => {
    for (const seed of SEEDS) {
      const { clock, processes, server } = setUp({ seed, workers: 16 });
      const small = processes.start('a', { maxShare: 0.25 }).join();
      const large = processes.start('b').join();
      for (const user of [small, large]) user.sendAlways();
      await clock.runUntil(180 * SECOND);
      const [a, b] = [small, large].map((user) => user.answers(60 * SECOND, 180 * SECOND)) as [number, number];
      expect(a / (a + b)).toBeGreaterThan(0.12);
      expect(a / (a + b)).toBeLessThan(0.3);
      expect(server.utilisation).toBeGreaterThan(0.95);
    }
  });

  test('what a dead process had the others have as soon as it counts as dead', async () => {
    const { clock, processes } = setUp({ seed: 1, workers: 8 });
    const [gone, left] = [processes.start('a'), processes.start('b')];
    const user = left.join();
    for (const one of [gone.join(), user]) one.sendAlways();
    await clock.runUntil(60 * SECOND);
    gone.die();
    const dead = 60 * SECOND + SILENT_MS + 3 * SECOND;
    await clock.runUntil(dead + 30 * SECOND);
    expect(user.answers(dead, dead + 30 * SECOND)).toBeGreaterThan((0.93 * 30 * SECOND * 8) / 150);
  });
});

describe('a live user beside a backfill', () => {
  const servers = [
    { workers: 8, jitter: 0.5, arrivals: 'random' },
    ...(isWhole
      ? ([
          { workers: 8, jitter: 0.1, arrivals: 'even' },
          { workers: 8, jitter: 0.5, arrivals: 'even' },
          { workers: 16, jitter: 0.2, arrivals: 'random' },
        ] as const)
      : []),
  ] as const;
  const places = [
    { place: 'in one process', least: 0.85 },
    { place: 'in two that tell each other', least: 0.8 },
  ] as const;
  const cases = places.flatMap((place) => servers.map((server) => ({ ...place, ...server })));

  test.each(cases)(
    '$place, $workers workers, jitter $jitter, 20 requests/s $arrivals: p99 within half again of idle, the server $least busy',
    async ({ place, least, workers, jitter, arrivals }) => {
      const busy: number[] = [];
      for (const seed of SEEDS) {
        const run = async (hasBackfill: boolean): Promise<number> => {
          const { clock, server, processes } = setUp({ seed, workers, jitter });
          const one = processes.start('a');
          const other = place === 'in one process' ? one : processes.start('b');
          const backfill = other.join({ priority: 'batch' });
          if (hasBackfill) backfill.sendAlways();
          const live = one.join({ priority: 'live' });
          live.sendEvery(() => 50 * (arrivals === 'even' ? 1 : clock.exponential()));
          await clock.runUntil(120 * SECOND);
          if (hasBackfill) busy.push(server.utilisation);
          return live.latency(0.99, 10 * SECOND);
        };
        expect(await run(true)).toBeLessThanOrEqual(1.5 * (await run(false)));
      }
      expect(mean(busy)).toBeGreaterThan(least);
    },
  );

  test('once it has sent nothing for a while the backfill has all of the server', async () => {
    const { clock, processes } = setUp({ seed: 1, workers: 8 });
    const one = processes.start('a');
    const backfill = one.join();
    backfill.sendAlways();
    one.join({ priority: 'live' }).sendEvery(() => 1e9);
    await clock.runUntil(120 * SECOND);
    expect(backfill.answers(40 * SECOND, 120 * SECOND)).toBeGreaterThan((0.95 * 80 * SECOND * 8) / 150);
  });
});
