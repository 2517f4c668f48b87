import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinServer, ServerBudget } from '../../../../src/scoring/limiter/server-budget.ts';
import type { Limiter, Permit, RequestOutcome } from '../../../../src/scoring/limiter.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { never } from '../rows.ts';
import { SimulatedServer } from './simulated-server.ts';
import { client, mean, type Request } from './simulation.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Waiting {
  readonly user: number;
  readonly number: number;
  readonly stop: AbortController;
}

const outcome: fc.Arbitrary<RequestOutcome> = fc.record({
  latencyMs: fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constant(100)),
  rows: fc.integer({ min: 1, max: 10_000 }),
  result: fc.constantFrom('ok', 'ok', 'ok', 'overload', 'other'),
});

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('acquire' as const), user: fc.nat(2) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('release' as const), at: fc.nat(), outcome }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), at: fc.nat() }) },
);

test('whatever a server does: limits from 1 to the ceiling, turns in order, nothing lost by an abort, no place left empty', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 3, maxLength: 3 }),
      fc.array(step, { maxLength: 300 }),
      async (ceilings, steps) => {
        const budget = new ServerBudget(new VirtualClock(1));
        const users = ceilings.map((ceiling) => budget.join({ ceiling }));
        const held: { readonly user: number; readonly permit: Permit }[] = [];
        const waiting = new Set<Waiting>();
        const granted: number[][] = [[], [], []];
        let came = 0;
        for (const next of steps) {
          if (next.kind === 'acquire') {
            const one: Waiting = { user: next.user, number: came, stop: new AbortController() };
            came += 1;
            waiting.add(one);
            const turn = async (): Promise<void> => {
              try {
                held.push({ user: one.user, permit: await users[one.user]!.acquire(one.stop.signal) });
                granted[one.user]!.push(one.number);
              } catch {
                // It was aborted.
              }
              waiting.delete(one);
            };
            void turn();
          } else if (next.kind === 'release' && held.length > 0) {
            const [{ permit }] = held.splice(next.at % held.length, 1) as [(typeof held)[0]];
            permit.release(next.outcome);
            permit.release(next.outcome);
          } else if (next.kind === 'abort' && waiting.size > 0) {
            [...waiting][next.at % waiting.size]!.stop.abort(new Error('no'));
          }
          await settled();
          const limit = Math.max(...users.map((user) => user.limit));
          for (const [at, user] of users.entries()) {
            expect(user.limit).toBeGreaterThanOrEqual(1);
            expect(user.limit).toBeLessThanOrEqual(ceilings[at]!);
            expect(user.inFlight).toBe(held.filter((permit) => permit.user === at).length);
            expect(user.inFlight).toBeLessThanOrEqual(ceilings[at]!);
            // Nobody waits while there is room for him.
            if ([...waiting].some((one) => one.user === at) && user.inFlight < ceilings[at]!)
              expect(held.length).toBeGreaterThanOrEqual(limit);
          }
        }
        // Nobody is forgotten: with permits coming back everybody has his turn, in his order.
        while (held.length > 0) {
          for (const { permit } of held.splice(0)) permit.release({ latencyMs: 1, rows: 1, result: 'other' });
          await settled();
        }
        expect(waiting.size).toBe(0);
        for (const numbers of granted) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      },
    ),
    { numRuns: 60 },
  );
});

describe('over random servers', () => {
  test('the server is busy, and the queue in it is short', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 5, max: 1000 }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        fc.nat(),
        async (workers, ms, jitter, seed) => {
          const clock = new VirtualClock(seed);
          const server = new SimulatedServer(clock, { workers: () => workers, service: () => ms, jitter });
          const limiter = new ServerBudget(clock).join({ ceiling: 100 });
          const done: Request[] = [];
          for (let i = 0; i < 100; i += 1)
            void client(
              clock,
              limiter,
              () => server.serve(1),
              () => 1,
              (request) => done.push(request),
            );
          const whole = (24_000 * ms) / workers;
          const limits: number[] = [];
          for (let at = 11; at <= 60; at += 1) clock.at((at / 60) * whole, () => limits.push(limiter.limit));
          await clock.runUntil(whole);
          // With many workers and much jitter the climb takes a part of so short a run: of 40, the least busy one of 250 seeds was 87 % busy.
          expect(server.utilisation).toBeGreaterThan(workers < 30 ? 0.8 : 0.75);
          // By chance the queue may seem empty for a window or two, most easily where there is one worker: not for long, nor by much.
          const far = limits.filter((limit) => limit > 3 + 2.5 * workers);
          expect(far.length).toBeLessThanOrEqual(0.1 * limits.length);
          expect(mean(limits)).toBeLessThanOrEqual(2 + workers + 2 * Math.sqrt(workers));
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe('several users of one server', () => {
  /** A server of eight workers of 100 ms and some, and what each user got of it in a minute. */
  async function minute(settings: readonly Parameters<ServerBudget['join']>[0][], eager: readonly number[]) {
    const clock = new VirtualClock(7);
    const server = new SimulatedServer(clock, { workers: () => 8, service: () => 100, jitter: 0.5 });
    const budget = new ServerBudget(clock);
    const counts = settings.map(() => 0);
    for (const [at, setting] of settings.entries()) {
      const limiter = budget.join(setting);
      for (let i = 0; i < eager[at]!; i += 1) {
        void client(
          clock,
          limiter,
          () => server.serve(1),
          () => 1,
          () => {
            counts[at]! += 1;
          },
        );
      }
    }
    await clock.runUntil(60_000);
    return { counts, utilisation: server.utilisation };
  }

  test('equal shares, however many requests one of them would send', async () => {
    const { counts, utilisation } = await minute([{ ceiling: 100 }, { ceiling: 100 }, { ceiling: 100 }], [100, 10, 30]);
    expect(Math.max(...counts) / Math.min(...counts)).toBeLessThan(1.05);
    expect(utilisation).toBeGreaterThan(0.97);
  });

  test('what one does not use the other has', async () => {
    const { counts, utilisation } = await minute([{ ceiling: 100 }, { ceiling: 1 }], [100, 1]);
    expect(counts[0]).toBeGreaterThan(5 * counts[1]!);
    expect(utilisation).toBeGreaterThan(0.97);
  });

  test('priority goes before equal shares', async () => {
    const { counts } = await minute([{ ceiling: 100, priority: 'live' }, { ceiling: 100 }], [8, 100]);
    expect(counts[0]).toBeGreaterThan(2 * counts[1]!);
    expect(counts[1]).toBeGreaterThan(0);
  });

  test('no more than maxShare, also where nobody else is, but for a look at what the server bears now and then', async () => {
    const { utilisation } = await minute([{ ceiling: 100, maxShare: 0.5 }], [100]);
    expect(utilisation).toBeLessThan(0.75);
    expect(utilisation).toBeGreaterThan(0.45);
  });

  test('a live client of 20 requests a second beside a backfill has no more than half again its latency', async () => {
    const p99 = async (backfill: boolean): Promise<number> => {
      const clock = new VirtualClock(5);
      const server = new SimulatedServer(clock, { workers: () => 8, service: () => 100, jitter: 0.5 });
      const budget = new ServerBudget(clock);
      const serve = (): Promise<'ok' | 'overload'> => server.serve(1);
      if (backfill) {
        const limiter = budget.join({ ceiling: 100 });
        for (let i = 0; i < 100; i += 1)
          void client(
            clock,
            limiter,
            serve,
            () => 1,
            () => undefined,
          );
      }
      const live = budget.join({ ceiling: 100, priority: 'live' });
      const latencies: number[] = [];
      const one = async (): Promise<void> => {
        const came = clock.now();
        const permit = await live.acquire(never);
        const begun = clock.now();
        await serve();
        permit.release({ latencyMs: clock.now() - begun, rows: 1, result: 'ok' });
        // With the time that it waited for its permit.
        latencies.push(clock.now() - came);
      };
      for (let ms = 10_000; ms < 120_000; ms += 50) clock.at(ms, () => void one());
      await clock.runUntil(125_000);
      if (backfill) expect(server.utilisation).toBeGreaterThan(0.85);
      return latencies.toSorted((a, b) => a - b)[Math.floor(0.99 * latencies.length)]!;
    };
    expect(await p99(true)).toBeLessThanOrEqual(1.5 * (await p99(false)));
  });
});

describe('one budget per server in a process', () => {
  const settings = { ceiling: 3 };
  const clock = new VirtualClock(1);
  const full = async (...users: readonly Limiter[]): Promise<number> => {
    const granted: Permit[] = [];
    for (const user of users)
      for (let i = 0; i < 10; i += 1) void user.acquire(never).then((permit) => granted.push(permit));
    await settled();
    const count = granted.length;
    for (const permit of granted) permit.release({ latencyMs: 1, rows: 1, result: 'other' });
    return count;
  };

  test('the same for all paths of an origin, another for another one', async () => {
    const a = joinServer('http://one:80/x', clock, settings);
    const b = joinServer('http://one/y/', clock, settings);
    expect(await full(a, b)).toBe(4);
    const c = joinServer('http://one:81/x', clock, settings);
    const d = joinServer('http://two/', clock, settings);
    expect(await full(c, d)).toBe(6);
    for (const user of [a, b, c, d]) user.leave();
  });

  test('forgotten when the last user has left', async () => {
    const a = joinServer('http://one', clock, settings);
    const refused = { latencyMs: 1, rows: 1, result: 'overload' } as const;
    for (let i = 0; i < 20; i += 1) (await a.acquire(never)).release(refused);
    expect(a.limit).toBe(1);
    const b = joinServer('http://one', clock, settings);
    expect(b.limit).toBe(1);
    a.leave();
    a.leave();
    b.leave();
    expect(joinServer('http://one', clock, settings).limit).toBe(3);
  });
});
