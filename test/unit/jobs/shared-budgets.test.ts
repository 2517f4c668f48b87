import { expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { SluiceError } from '../../../src/core/error.ts';
import { BUDGETS_TOPIC, shareBudgets } from '../../../src/jobs/kafka/shared-budgets.ts';
import type { KafkaClient } from '../../../src/links/kafka/client.ts';
import { SILENT_MS } from '../../../src/scoring/limiter/neighbours.ts';
import { joinServer } from '../../../src/scoring/limiter/server-budget.ts';
import type { Permit } from '../../../src/scoring/limiter.ts';
import { anotherClock } from '../../support/another-clock.ts';
import { tickingKafka } from '../../support/memory-kafka/ticking.ts';

const never = new AbortController().signal;
const SERVER = 'http://predict.example/x';
const replicationFactor = null;

/** A process with a user of the server who has so many requests under way. */
async function user(clock: Clock, requests: number, priority: 'live' | 'batch' = 'batch') {
  const limiter = joinServer(SERVER, clock, { ceiling: 100, priority });
  const permits: Permit[] = [];
  for (let i = 0; i < requests; i += 1) permits.push(await limiter.acquire(never));
  return { limiter, permits };
}

/** What the topic says of the server now, by process. */
function told(log: readonly { readonly envelope: { key: Uint8Array | null; value: Uint8Array | null } | null }[]) {
  const entries = new Map<string, string | null>();
  for (const { envelope } of log) {
    if (envelope === null) continue;
    const value = envelope.value === null ? null : Buffer.from(envelope.value).toString();
    entries.set(Buffer.from(envelope.key!).toString(), value);
  }
  return entries;
}

test('a process tells what it does with each server, again and again, and that it leaves', async () => {
  using world = tickingKafka();
  const { kafka, clock } = world;
  const [a, b] = [anotherClock(clock), anotherClock(clock)];
  const sharingA = shareBudgets(kafka.client(), { replicationFactor }, a);
  const sharingB = shareBudgets(kafka.client(), { replicationFactor }, b);
  const backfill = joinServer(SERVER, a, { ceiling: 100 });
  const live = await user(b, 2, 'live');
  await clock.sleep(10_000, never);
  const log = kafka.log(BUDGETS_TOPIC, 0);
  expect(log.length).toBeGreaterThanOrEqual(8);
  const entries = told(log);
  expect([...entries.keys()].map((key) => key.split(' ')[1])).toEqual(Array(2).fill('http://predict.example'));
  const uses = [...entries.values()].map((value) => JSON.parse(value!));
  expect(uses.find(({ isLive }) => isLive)).toEqual({
    v: 1,
    users: [{ priority: 'live', maxShare: 1, wants: 2 }],
    inFlight: 2,
    busy: 2,
    isLive: true,
  });
  live.limiter.leave();
  await world.ending(Promise.resolve(sharingB[Symbol.asyncDispose]()));
  expect([...told(kafka.log(BUDGETS_TOPIC, 0)).values()].filter((value) => value === null)).toHaveLength(1);
  backfill.leave();
  await world.ending(Promise.resolve(sharingA[Symbol.asyncDispose]()));
  expect([...told(kafka.log(BUDGETS_TOPIC, 0)).values()]).toEqual([null, null]);
});

/** Rejects everything, or answers nothing. */
function brokenClient(how: 'refuses' | 'is silent'): KafkaClient {
  const fail = async (): Promise<never> => {
    if (how === 'refuses') throw new SluiceError('KAFKA_ACCESS', 'no right to write it');
    return await new Promise<never>(() => undefined);
  };
  const topics = new Proxy({}, { get: () => fail }) as KafkaClient['topics'];
  return {
    topics,
    producer: fail,
    transactionalProducer: fail,
    consumer: fail,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

test.each(['refuses', 'is silent'] as const)(
  'a cluster that %s is in the way of nothing: permits are given, and a process leaves in time',
  async (how) => {
    using world = tickingKafka();
    const clock = anotherClock(world.clock);
    const sharing = shareBudgets(brokenClient(how), { replicationFactor }, clock);
    const { limiter, permits } = await user(clock, 4);
    await world.clock.sleep(60_000, never);
    for (const permit of permits) permit.release({ latencyMs: 100, rows: 1, result: 'ok' });
    (await limiter.acquire(never)).release({ latencyMs: 100, rows: 1, result: 'ok' });
    limiter.leave();
    const begun = world.clock.now();
    await world.ending(Promise.resolve(sharing[Symbol.asyncDispose]()));
    expect(world.clock.now() - begun).toBeLessThan(5_000);
  },
);

test('beside a live user of another process a backfill keeps no queue; once that process is silent, it does again', async () => {
  using world = tickingKafka();
  const { kafka, clock } = world;
  const [a, b] = [anotherClock(clock), anotherClock(clock)];
  const clients = [kafka.client(), kafka.client()] as const;
  const sharingA = shareBudgets(clients[0], { replicationFactor }, a);
  shareBudgets(clients[1], { replicationFactor }, b);
  const backfill = joinServer(SERVER, a, { ceiling: 100 });
  // A server that works on eight requests at once, each for 200 ms.
  const over = new AbortController();
  const send = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const permit = await backfill.acquire(over.signal);
      const latencyMs = 200 * Math.max(1, backfill.inFlight / 8);
      await clock.sleep(latencyMs, over.signal);
      permit.release({ latencyMs, rows: 1, result: 'ok' });
    }
  };
  for (let i = 0; i < 30; i += 1) void send().catch(() => undefined);
  const least = async (): Promise<number> => {
    const limits: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      await clock.sleep(500, never);
      limits.push(backfill.limit);
    }
    return limits.toSorted((x, y) => x - y)[10]!;
  };
  await clock.sleep(20_000, never);
  expect(await least()).toBeGreaterThan(8);
  const live = await user(b, 1, 'live');
  await clock.sleep(SILENT_MS, never);
  expect(await least()).toBe(7);
  kafka.crash(clients[1]);
  await clock.sleep(SILENT_MS + 4_000, never);
  expect(await least()).toBeGreaterThan(8);
  over.abort();
  live.limiter.leave();
  await world.ending(Promise.resolve(sharingA[Symbol.asyncDispose]()));
});
