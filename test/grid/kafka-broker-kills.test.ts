import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { throughKilledBroker } from '../support/killed-broker.ts';
import { LiveRuns } from '../support/live-runs.ts';
import { seededRandom } from '../support/memory-kafka/seeded-random.ts';
import { type KafkaService, startKafka } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';

vi.setConfig({ testTimeout: 120_000 });

const seeds = Array.from({ length: 60 }, (_, seed) => seed);
const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i);

// A broker that comes back passes over partitions without a leader, and leaves open what it had decided: about one kill in eight.
needs('kafka')('a live job whose broker is killed within its commits', () => {
  let kafka: KafkaService;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(async () => {
    await kafka?.[Symbol.asyncDispose]();
  });

  test.each(seeds)('has each row once, in order (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    await using live = await LiveRuns.open(kafka.brokers);
    const before = (): Promise<void> =>
      new Promise((resolve) => setTimeout(resolve, random() < 0.5 ? 0 : random() * 30));
    const { sent, scored } = await throughKilledBroker(live, kafka, { before });
    expect(scored).toEqual(range(0, sent));
  });
});
