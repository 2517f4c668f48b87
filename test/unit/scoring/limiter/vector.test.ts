import { describe, expect, test } from 'vitest';
import { fixedLimiter } from '../../../../src/scoring/limiter/fixed-limiter.ts';
import { ServerBudget } from '../../../../src/scoring/limiter/server-budget.ts';
import type { Limiter } from '../../../../src/scoring/limiter.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

/**
 * The twelve cases that Vector publishes for its adaptive concurrency (tests/data/adaptive-concurrency), with its server: a link whose
 * delay grows with the requests under way, and which defers (429) or drops what is too much. Vector's figures are those of its own
 * rule, which begins at 1, adds one and halves; here they stand where they say what a limiter owes a server: not to go beyond what it
 * takes, not to stay far below it, and not to grow unused.
 */
interface Link {
  readonly requests: number;
  readonly delayMs: number;
  /** Milliseconds between requests of the client; left out: it always has one. */
  readonly intervalMs?: number;
  /** Of the delay, exponentially distributed. */
  readonly jitter?: number;
  /** A delay grows by this share of it for each further request under way. */
  readonly scale?: number;
  /** From so many requests on the delay grows by a power. */
  readonly knee?: { readonly start: number; readonly power: number };
  /** What is more at once is refused: at once, or not answered for as long as the client waits. */
  readonly limit?: { readonly inFlight: number; readonly action: 'defer' | 'drop' };
  /** What is more in a second is refused. */
  readonly rate?: number;
  readonly fixed?: number;
}

const CEILING = 200;
const TIMEOUT_MS = 1000;
const AGAIN_MS = 100;
const SECOND = 1000;

interface Seen {
  /** Requests under way at the server: the most, and the mean over time. */
  readonly most: number;
  readonly inFlight: number;
  /** The limit at the end, its mean over time, and its most. */
  readonly limit: number;
  readonly meanLimit: number;
  readonly mostLimit: number;
  /** Answers per second. */
  readonly rate: number;
  readonly refused: number;
}

async function run(link: Link, seed = 1): Promise<Seen> {
  const clock = new VirtualClock(seed);
  const never = new AbortController().signal;
  const limiter: Limiter =
    link.fixed === undefined ? new ServerBudget(clock).join({ ceiling: CEILING }) : fixedLimiter(link.fixed);
  let [left, inFlight, most, answered, refused, end] = [link.requests, 0, 0, 0, 0, 0];
  let [area, limitArea, mostLimit, seen] = [0, 0, 0, 0];
  let recent: number[] = [];
  const look = (): void => {
    area += inFlight * (clock.now() - seen);
    limitArea += limiter.limit * (clock.now() - seen);
    mostLimit = Math.max(mostLimit, limiter.limit);
    seen = clock.now();
  };
  const serve = async (): Promise<'ok' | 'overload'> => {
    recent = recent.filter((ms) => ms > clock.now() - SECOND);
    const tooMany = link.limit !== undefined && inFlight >= link.limit.inFlight;
    if (tooMany || recent.length >= (link.rate ?? Infinity)) {
      refused += 1;
      await clock.sleep(link.limit?.action === 'drop' ? TIMEOUT_MS : 1, never);
      return 'overload';
    }
    recent.push(clock.now());
    look();
    inFlight += 1;
    most = Math.max(most, inFlight);
    const { delayMs, scale = 0, knee, jitter = 0 } = link;
    const slower = scale * (inFlight - 1) + (knee ? knee.power ** Math.max(0, inFlight - knee.start) - 1 : 0);
    await clock.sleep(delayMs * (1 + slower + jitter * clock.exponential()), never);
    look();
    inFlight -= 1;
    return 'ok';
  };
  const send = async (): Promise<void> => {
    for (;;) {
      const permit = await limiter.acquire(never);
      const begun = clock.now();
      const result = await serve();
      permit.release({ latencyMs: clock.now() - begun, rows: 1, result });
      if (result === 'ok') break;
      await clock.sleep(AGAIN_MS, never);
    }
    answered += 1;
    end = clock.now();
  };
  const always = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await send();
    }
  };
  if (link.intervalMs === undefined) for (let i = 0; i < CEILING; i += 1) void always();
  else for (let i = 0; i < link.requests; i += 1) clock.at(i * link.intervalMs, () => void send());
  await clock.runUntil(600 * SECOND);
  expect(answered).toBe(link.requests);
  return {
    most,
    inFlight: area / end,
    limit: limiter.limit,
    meanLimit: limitArea / seen,
    mostLimit,
    rate: (SECOND * answered) / end,
    refused,
  };
}

describe("Vector's cases", () => {
  test('constant link: grows as long as that costs no time', async () => {
    const seen = await run({ requests: 500, delayMs: 100 });
    expect(seen.most).toBeGreaterThanOrEqual(30);
    expect(seen.meanLimit).toBeGreaterThanOrEqual(15);
  });

  test('defers over 5 at once: stays at 5, and seldom tries 6', async () => {
    const seen = await run({ requests: 500, delayMs: 100, limit: { inFlight: 5, action: 'defer' } });
    expect(seen.inFlight).toBeGreaterThan(4);
    expect(seen.limit).toBeLessThanOrEqual(6);
    expect(seen.refused).toBeLessThanOrEqual(0.05 * 500);
    const long = await run({ requests: 20_000, delayMs: 100, limit: { inFlight: 5, action: 'defer' } });
    expect(long.refused).toBeLessThanOrEqual(0.005 * 20_000);
    expect(long.inFlight).toBeGreaterThan(4.8);
  });

  test('defers over 100 a second: near that rate', async () => {
    const seen = await run({ requests: 1000, delayMs: 100, rate: 100 });
    expect(seen.rate).toBeGreaterThanOrEqual(74);
    expect(seen.inFlight).toBeGreaterThanOrEqual(7);
    expect(seen.most).toBeLessThanOrEqual(30);
  });

  test('drops over 5 at once: time-outs count', async () => {
    const seen = await run({ requests: 500, delayMs: 100, limit: { inFlight: 5, action: 'drop' } });
    expect(seen.most).toBeLessThanOrEqual(5);
    expect(seen.inFlight).toBeGreaterThanOrEqual(3);
    expect(seen.limit).toBeLessThanOrEqual(8);
    const long = await run({ requests: 20_000, delayMs: 100, limit: { inFlight: 5, action: 'drop' } });
    expect(long.inFlight).toBeGreaterThanOrEqual(4.5);
    expect(long.refused).toBeLessThanOrEqual(0.1 * 20_000);
  });

  test.each([0, 0.5])('fixed to 10, with a jitter of %d', async (jitter) => {
    const seen = await run({ requests: 500, delayMs: 100, jitter, fixed: 10 });
    expect(seen).toMatchObject({ most: 10, limit: 10, mostLimit: 10 });
    expect(seen.inFlight).toBeGreaterThanOrEqual(8);
  });

  test.each([1, 2, 3, 4, 5, 6])('jittery link, seed %i: jitter is no queue', async (seed) => {
    const seen = await run({ requests: 1000, delayMs: 100, jitter: 0.1 }, seed);
    expect(seen.most).toBeGreaterThanOrEqual(20);
    expect(seen.inFlight).toBeGreaterThanOrEqual(8);
  });

  test('a client that sends four requests in the time of one: no more limit than it uses', async () => {
    const seen = await run({ requests: 500, delayMs: 100, intervalMs: 25 });
    expect(seen.inFlight).toBeGreaterThanOrEqual(3.9);
    expect(seen.inFlight).toBeLessThanOrEqual(4.5);
    expect(seen.most).toBeLessThanOrEqual(8);
    expect(seen.mostLimit).toBeLessThanOrEqual(9);
  });

  test('shallow knee at 10: a few above it', async () => {
    const seen = await run({ requests: 1000, delayMs: 100, knee: { start: 10, power: 1.1 } });
    expect(seen.most).toBeLessThanOrEqual(20);
    expect(seen.inFlight).toBeGreaterThanOrEqual(9);
    expect(seen.inFlight).toBeLessThanOrEqual(13);
  });

  test('a link on which every further request slows all down: few', async () => {
    const seen = await run({ requests: 1000, delayMs: 100, scale: 1 });
    expect(seen.limit).toBeGreaterThanOrEqual(2);
    expect(seen.limit).toBeLessThanOrEqual(5);
    expect(seen.inFlight).toBeLessThanOrEqual(4);
  });

  test.each([50, 100])(
    'a client that sends one request after the other, every %i ms: nothing grows',
    async (intervalMs) => {
      const seen = await run({ requests: 1000, delayMs: 50, intervalMs });
      expect(seen.most).toBeLessThanOrEqual(2);
      expect(seen.mostLimit).toBeLessThanOrEqual(4);
    },
  );
});
