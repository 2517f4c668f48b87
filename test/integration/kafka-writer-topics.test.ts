import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { KafkaClient } from '../../src/links/kafka/client.ts';
import { createKafkajsClient } from '../../src/links/kafka/clients/kafkajs/client.ts';
import { createTransactionalWriter } from '../../src/links/kafka/live/writer-exactly-once.ts';
import type { TopicWriter } from '../../src/links/kafka/live/writer-link.ts';
import { createTopicSink } from '../../src/links/kafka/topic-sink/topic-sink.ts';
import { refusal } from '../../src/testing/refusal.ts';
import { plainKafka } from '../support/plain-kafka.ts';
import { type KafkaService, kafkaService } from '../support/services/kafka.ts';
import {
  envelopeOf,
  idsOf,
  OUTPUT,
  recordWriter,
  scoredMessages,
  scoredRows,
} from '../unit/links/kafka-live/writer-batches.ts';

const signal = new AbortController().signal;
let kafka: KafkaService;
let client: KafkaClient;
let others: KafkaClient;

function newClient(): KafkaClient {
  const { brokers } = kafka;
  return createKafkajsClient({
    brokers,
    clientId: 'writer-test',
    rack: null,
    tls: null,
    sasl: null,
    compression: 'none',
    retryMs: 20_000,
  });
}

beforeAll(async () => {
  kafka = await kafkaService();
  client = newClient();
  others = newClient();
});

afterAll(async () => {
  await Promise.all([client.close(), others.close()]);
  await kafka[Symbol.asyncDispose]();
});

async function topic(name: string, partitions: number): Promise<string> {
  const full = `writer-${name}-${randomUUID().slice(0, 8)}`;
  await client.topics.create({ name: full, partitions, replicationFactor: null, config: {} });
  return full;
}

/** What a foreign reader of committed records finds until it has seen `last` in every partition, by partition. */
async function read(name: string, last: readonly string[]): Promise<readonly (readonly string[])[]> {
  const { brokers } = kafka;
  const foreign = plainKafka(brokers);
  const consumer = foreign.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100, readUncommitted: false });
  const seen: string[][] = last.map(() => []);
  const { promise, resolve } = Promise.withResolvers<void>();
  await consumer.connect();
  await consumer.subscribe({ topic: name, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      seen[partition]!.push(...idsOf([message]));
      if (last.every((id, i) => seen[i]!.includes(id))) resolve();
    },
  });
  await promise;
  await consumer.disconnect();
  return seen;
}

describe('writing a topic of a real broker', () => {
  test('a zombie of the transactional writer can write nothing more, and a foreign reader sees each row once', async () => {
    const [input, out] = [await topic('in', 2), await topic('out', 2)];
    const group = `g-${input}`;
    const writer = (of: KafkaClient): TopicWriter =>
      createTransactionalWriter({
        client: of,
        topic: out,
        deadLetterTopic: null,
        inputOf: (partition) => ({ topic: input, partition }),
        messages: recordWriter,
        mapping: { key: 'envelope', headers: 'keep', timestamp: 'keep' },
        partitioning: 'source',
        keepFailed: false,
        compression: 'none',
        group,
        transactionalIdPrefix: `t-${input}`,
        timeoutMs: 10_000,
        clock: systemClock,
      });
    const batch = (partition: number, from: number, to: number) => {
      const all = Array.from({ length: to - from }, (_, i) => envelopeOf(input, partition, from + i));
      const value = scoredMessages(
        all,
        to,
        () => false,
        () => false,
      );
      return { kind: 'batch' as const, sequence: from, value };
    };
    const zombie = writer(client);
    const owner = writer(others);
    for (const partition of [0, 1]) {
      expect(await zombie.begin(partition, 0, signal)).toBe(0);
      for (let from = 0; from < 200; from += 20)
        await zombie.append(partition, batch(partition, from, from + 20), signal);
    }
    for (const partition of [0, 1]) {
      let from = await owner.begin(partition, 0, signal);
      expect(from).toBeGreaterThanOrEqual(zombie.durable(partition));
      if (from < 200) await expect(zombie.end(partition, signal)).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
      else {
        await zombie.append(partition, batch(partition, 200, 220), signal);
        await expect(zombie.end(partition, signal)).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
      }
      for (; from < 300; from += 10) await owner.append(partition, batch(partition, from, from + 10), signal);
      await owner.end(partition, signal);
      expect(owner.durable(partition)).toBe(300);
    }
    expect(await client.topics.committed(group, input)).toEqual([300, 300]);
    const wanted = [0, 1].map((partition) => Array.from({ length: 300 }, (_, i) => `${partition}-${i}`));
    expect(await read(out, ['0-299', '1-299'])).toEqual(wanted);
    await Promise.all([zombie[Symbol.asyncDispose](), owner[Symbol.asyncDispose]()]);
  });

  test.each([true, false])(
    'a sink continues a job behind its ledger, and refuses it when it is finished (exactlyOnce %s)',
    async (exactlyOnce) => {
      const out = await topic('sink', 1);
      const job = { out };
      const sink = (of: KafkaClient) =>
        createTopicSink({
          client: of,
          topic: out,
          deadLetterTopic: null,
          messages: recordWriter,
          keyColumn: null,
          exactlyOnce,
          overwrite: false,
          compression: 'none',
          ledgerTopic: `${out}-ledgers`,
          replicationFactor: null,
          limits: { maxRequestBytes: 2_000 },
          clock: systemClock,
        });
      const batch = (sequence: number) =>
        scoredRows(
          Array.from({ length: 500 }, (_, i) => `${500 * sequence + i}`),
          sequence,
        );
      const first = sink(client);
      expect(await first.open(job, signal)).toBeNull();
      await first.write(batch(0), OUTPUT, signal);
      const ledger = await first.commit(signal);
      if (exactlyOnce) await first.write(batch(1), OUTPUT, signal);
      const second = sink(others);
      const found = await second.open(job, signal);
      if (!exactlyOnce) expect(found).toEqual(ledger);
      else
        await first.commit(signal).then(
          () => undefined,
          (error: unknown) => expect(error).toMatchObject({ code: 'KAFKA_FENCED' }),
        );
      for (let { sequence } = found!; sequence < 4; sequence += 1) await second.write(batch(sequence), OUTPUT, signal);
      const tally = { read: 2000, scored: 2000, failed: 0, skipped: 0 };
      const facts = { version: 1 as const, job, tally, model: null, intakeBytes: 1, finished: '2026-01-01T00:00:00Z' };
      const manifest = await second.publish(facts, OUTPUT, signal);
      expect(manifest.objects).toMatchObject([{ role: 'rows', name: out, records: 2000 }]);
      await Promise.all([first.close(), second.close()]);
      const third = sink(others);
      await refusal('OUTPUT_EXISTS', () => third.open(job, signal));
      await third.close();
      expect(await read(out, ['1999'])).toEqual([Array.from({ length: 2000 }, (_, i) => `${i}`)]);
    },
  );
});
