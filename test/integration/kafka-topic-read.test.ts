import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { RowBatch } from '../../src/core/row-batch.ts';
import type { KafkaClient, ProducerRecord } from '../../src/links/kafka/client.ts';
import { createKafkajsClient } from '../../src/links/kafka/clients/kafkajs/client.ts';
import { createPlatformaticClient } from '../../src/links/kafka/clients/platformatic/client.ts';
import { PartitionNumbers } from '../../src/links/kafka/live/topic-partition-numbers.ts';
import { createTopicReader, type TopicReaderOptions } from '../../src/links/kafka/live/topic-reader.ts';
import { createTopicSource } from '../../src/links/kafka/live/topic-source.ts';
import { plainKafka } from '../support/plain-kafka.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { freshName, plainConnection, textRecord } from './kafka-clients/client-harness.ts';
import { lineConsumer, lineMessages } from './kafka-clients/line-messages.ts';

const LIMITS = { rows: 50, bytes: 1 << 20, lingerMs: 5 };

const adapters = {
  kafkajs: async (brokers: readonly string[]) => createKafkajsClient(plainConnection(brokers)),
  platformatic: (brokers: readonly string[]) => createPlatformaticClient(plainConnection(brokers), {}),
};

for (const [name, create] of Object.entries(adapters)) {
  needs('kafka')(`reading topics by ${name}`, () => {
    let brokers: readonly string[];
    let client: KafkaClient;
    const signal = (): AbortSignal => AbortSignal.timeout(50_000);

    beforeAll(async () => {
      brokers = (await kafkaService()).brokers;
      client = await create(brokers);
    });

    afterAll(async () => {
      await client.close();
    });

    const topicOf = async (partitions: number, config: Readonly<Record<string, string>> = {}): Promise<string> => {
      const topic = freshName('topic-read');
      await client.topics.create({ name: topic, partitions, replicationFactor: null, config });
      return topic;
    };

    const send = async (topic: string, partition: number, records: readonly ProducerRecord[]): Promise<void> => {
      await using producer = await client.producer({ compression: 'none' }, signal());
      await producer.send([{ topic, partition, records }], signal());
    };

    /** One transaction for each list of texts; every second one is aborted. */
    const transactions = async (topic: string, partition: number, lists: readonly (readonly string[])[]) => {
      const kafka = plainKafka(brokers);
      const producer = kafka.producer({
        transactionalId: `${topic}-${partition}`,
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await producer.connect();
      for (const [index, texts] of lists.entries()) {
        const transaction = await producer.transaction();
        await transaction.send({ topic, messages: texts.map((value) => ({ value, partition })) });
        await (index % 2 === 0 ? transaction.commit() : transaction.abort());
      }
      await producer.disconnect();
    };

    const readerOptions = (topic: string, group: string): TopicReaderOptions => ({
      client,
      consumer: { ...lineConsumer, topics: [topic] },
      group,
      start: 'earliest',
      until: 'end',
      limits: LIMITS,
      messages: lineMessages,
      numbers: new PartitionNumbers(),
      clock: systemClock,
      commitOffsets: true,
    });

    const work = async (options: TopicReaderOptions): Promise<readonly RowBatch[]> => {
      const batches: RowBatch[] = [];
      const working: Promise<void>[] = [];
      for await (const lease of createTopicReader(options).leases(signal())) {
        const task = async (): Promise<void> => {
          await using held = lease;
          for (;;) {
            const record = await held.next(signal());
            if (record.kind === 'end') return;
            batches.push(record.value);
            await held.commit(record.value.origin.position as number);
          }
        };
        working.push(
          task().catch((error: unknown) => {
            if (!lease.revoked.aborted) throw error;
          }),
        );
      }
      await Promise.all(working);
      return batches;
    };

    const replay = async (topic: string, from: 'earliest' | { timestamp: number } = 'earliest') => {
      await using source = createTopicSource({
        client,
        topics: [topic],
        from,
        until: 'end',
        memory: null,
        messages: lineMessages,
        clock: systemClock,
      });
      await source.identity(signal());
      const batches: RowBatch[] = [];
      for (const split of await source.splits(signal()))
        for await (const batch of source.read(split, null, LIMITS, signal())) batches.push(batch);
      return batches;
    };

    const textsOf = (batches: readonly RowBatch[]): readonly string[] =>
      batches.flatMap((batch) => batch.records().map(([text]) => text as string)).toSorted();

    test('aborted transactions and markers at the end: the end is reached with exactly what was committed', async () => {
      const topic = await topicOf(2);
      await transactions(topic, 0, [['a', 'b'], ['never'], ['c'], ['nor', 'this']]);
      await transactions(topic, 1, [['d', 'e', 'f']]);
      const group = freshName('group');
      expect(textsOf(await work(readerOptions(topic, group)))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
      const ends = (await client.topics.ranges(topic)).map(({ end }) => end);
      expect(ends).toEqual([10, 4]);
      expect(await client.topics.committed(group, topic)).toEqual(ends);
      // Whoever comes later finds nothing left to do.
      expect(await work(readerOptions(topic, group))).toEqual([]);
      expect(textsOf(await replay(topic))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    });

    test('a partition that holds nothing but an aborted transaction has an end, too', async () => {
      const topic = await topicOf(1);
      await transactions(topic, 0, [[''], ['never']]);
      const batches = await work(readerOptions(topic, freshName('group')));
      expect(batches.map(({ rows, origin }) => [rows, origin.rejected.length])).toEqual([[0, 1]]);
      expect(await replay(topic)).toHaveLength(1);
    });

    test('two members share the partitions, and everything comes once', async () => {
      const topic = await topicOf(4);
      const all = Array.from({ length: 2_000 }, (_, index) => `${index}`);
      for (let partition = 0; partition < 4; partition += 1) {
        const own = all.filter((_, index) => index % 4 === partition);
        await send(topic, partition, own.map(textRecord));
      }
      const options = readerOptions(topic, freshName('group'));
      const both = await Promise.all([work(options), work(options)]);
      expect(textsOf(both.flat())).toEqual(all.toSorted());
    });

    test('a replay from a time touches no group', async () => {
      const topic = await topicOf(1);
      const group = freshName('group');
      const at = (timestamp: number, text: string): ProducerRecord => ({ ...textRecord(text), timestamp });
      const start = Date.now() - 100_000;
      await send(topic, 0, [at(start, 'old'), at(start + 1_000, 'new'), at(start + 2_000, 'newer')]);
      await work({ ...readerOptions(topic, group), until: { offsets: { [topic]: { 0: 2 } } } });
      const groups = async (): Promise<readonly string[]> => {
        const admin = plainKafka(brokers).admin();
        await admin.connect();
        const { groups: found } = await admin.listGroups();
        await admin.disconnect();
        return found.map(({ groupId }) => groupId);
      };
      const before = await groups();
      expect(textsOf(await replay(topic, { timestamp: start + 1_000 }))).toEqual(['new', 'newer']);
      expect(await client.topics.committed(group, topic)).toEqual([2]);
      const made = (await groups()).filter((each) => !before.includes(each));
      // Other tests of the run may make groups meanwhile; none of them may be about this topic.
      for (const each of made) expect(await client.topics.committed(each, topic)).toEqual([null]);
    });
  });
}
