import { describe, expect, test } from 'vitest';
import { type Figures, mean, type Scenario, simulate, sixTimes } from './simulation.ts';

const SECOND = 1000;

/** So many workers, for a minute each. */
function byTheMinute(...workers: readonly number[]): (ms: number) => number {
  return (ms) => workers[Math.min(workers.length - 1, Math.floor(ms / (60 * SECOND)))]!;
}

const constant = (value: number) => () => value;

const scenarios = {
  A: { seconds: 120, workers: constant(8), service: constant(100), room: constant(16) },
  B: { seconds: 120, workers: constant(8), service: constant(100), room: constant(16), jitter: 0.5 },
  C: { seconds: 120, workers: constant(8), service: constant(100), jitter: 0.5 },
  D: {
    seconds: 240,
    workers: byTheMinute(8, 2, 8, 32),
    service: constant(100),
    room: (ms: number) => 2 * byTheMinute(8, 2, 8, 32)(ms),
    jitter: 0.5,
  },
  E: { seconds: 120, workers: constant(4), service: constant(2000), room: constant(8), jitter: 0.5 },
} satisfies Record<string, Scenario>;

/** The median latency of a request of B and C that meets no other: 100 (1 + ln(2)/2). */
const UNLOADED_P50_MS = 134.7;

/** The first moment, in seconds, from which on the server does nine tenths of what it can, for `seconds` at the least. */
function reached(figures: Figures, capacity: number, seconds: number): number {
  for (let at = 0; at < 60; at += 0.25)
    if (figures.rate(SECOND * at, SECOND * (at + seconds)) >= 0.9 * capacity) return at;
  return Infinity;
}

describe('a server that is kept busy, and not more than that, by a client that knows nothing of it', () => {
  const names = (['A', 'B', 'C', 'D'] as const).map((name) => ({ name }));
  test.each(names)('scenario $name: 97 % of its workers busy, 0.5 % refused', async ({ name }) => {
    for (const figures of await sixTimes(scenarios[name])) {
      expect(figures.utilisation).toBeGreaterThanOrEqual(0.97);
      expect(figures.rejected).toBeLessThanOrEqual(0.005);
      if (name === 'C') expect(figures.latency(0.5)).toBeLessThanOrEqual(2 * UNLOADED_P50_MS);
      if (name === 'D') expect(figures.latency(0.99)).toBeLessThanOrEqual(600);
    }
  });

  test('scenario E, requests of 3 s, some 160 in all: 92 % busy and 0.5 % refused, on the mean', async () => {
    const figures = await sixTimes(scenarios.E);
    expect(mean(figures.map(({ utilisation }) => utilisation))).toBeGreaterThanOrEqual(0.92);
    expect(mean(figures.map(({ rejected }) => rejected))).toBeLessThanOrEqual(0.005);
  });

  test('nine tenths of it within 3 s where a request takes 100 ms, and within 15 s where it takes 2 s', async () => {
    for (const workers of [2, 8, 32]) {
      const fast = { ...scenarios.C, seconds: 20, workers: constant(workers), jitter: 0 };
      expect(reached(await simulate(fast, 1), workers * 10, 5)).toBeLessThanOrEqual(3);
    }
    for (const workers of [2, 4, 8]) {
      const slow = { ...scenarios.E, seconds: 60, workers: constant(workers), room: constant(2 * workers), jitter: 0 };
      expect(reached(await simulate(slow, 1), workers / 2, 20)).toBeLessThanOrEqual(15);
    }
  });

  test.each([1, 2, 8, 32])(
    'with %i workers and a silent queue the limit never rests at 1, nor creeps up',
    async (workers) => {
      for (const { limits } of await sixTimes({ ...scenarios.C, workers: constant(workers) })) {
        const settled = limits.slice(10);
        expect(mean(settled)).toBeGreaterThan(workers);
        expect(mean(settled.slice(-30))).toBeLessThan(workers + 2 + 2 * Math.sqrt(workers));
        for (let at = 5; at < settled.length; at += 1)
          expect(Math.max(...settled.slice(at - 5, at + 1))).toBeGreaterThan(1);
      }
    },
  );

  test('a server that becomes slower, and not smaller, keeps its workers busy', async () => {
    const scenario = {
      ...scenarios.C,
      service: (rows: number) => rows,
      rows: (ms: number) => (ms < 60_000 ? 100 : 300),
    };
    for (const figures of await sixTimes({ ...scenario, seconds: 180 }))
      expect(figures.utilisation).toBeGreaterThanOrEqual(0.96);
  });
});

describe('requests of another size do not look like a queue, nor like a faster server', () => {
  const costs = {
    'by the row': (rows: number) => rows,
    'by the request and by the row': (rows: number) => 50 + 0.5 * rows,
    'by the request': constant(100),
    'more than by the row': (rows: number) => 60 + 0.0004 * rows ** 2,
  };
  const sizes = {
    '100 rows, then 1000': (ms: number) => (ms < 40_000 ? 100 : 1000),
    '1000 rows, then 100': (ms: number) => (ms < 40_000 ? 1000 : 100),
  };
  const mixed = (ms: number): number => 1 + ((ms * 7919) % 1000);
  const cases = Object.entries(costs).flatMap(([cost, service]) =>
    Object.entries(sizes).map(([size, rows]) => ({ cost, service, size, rows })),
  );
  test.each(cases)('$size, cost $cost: 96 % busy', async ({ service, rows }) => {
    const scenario = { seconds: 120, workers: constant(8), service, rows, jitter: 0.2 };
    const figures = await sixTimes(scenario);
    expect(mean(figures.map(({ utilisation }) => utilisation))).toBeGreaterThanOrEqual(0.96);
    for (const { limits } of figures) expect(mean(limits.slice(-30))).toBeLessThan(16);
  });

  test.each(Object.entries(costs))('any number of rows, cost %s: 93 % busy', async (_, service) => {
    const figures = await sixTimes({ seconds: 240, workers: constant(8), service, rows: mixed, jitter: 0.2 });
    expect(mean(figures.map(({ utilisation }) => utilisation))).toBeGreaterThanOrEqual(0.93);
    for (const { limits } of figures) expect(mean(limits.slice(-30))).toBeLessThan(16);
  });
});
