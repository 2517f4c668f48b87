import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createPlatformaticClient } from '../../src/links/kafka/clients/platformatic/client.ts';
import { PartitionNumbers } from '../../src/links/kafka/live/topic-partition-numbers.ts';
import { createTopicReader } from '../../src/links/kafka/live/topic-reader.ts';
import { createTopicSource } from '../../src/links/kafka/live/topic-source.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { freshName, plainConnection } from './kafka-clients/client-harness.ts';
import { lineConsumer, lineMessages } from './kafka-clients/line-messages.ts';

const LIMITS = { rows: 10, bytes: 1 << 20, lingerMs: 5 };

needs('kafka')('a compacted topic', () => {
  test('is read to its end over the places of what is gone, and an end in the middle of them is reached', async () => {
    const signal = AbortSignal.timeout(100_000);
    const broker = await kafkaService();
    await using client = await createPlatformaticClient(plainConnection(broker.brokers), {});
    const topic = freshName('compacted');
    const config = { 'cleanup.policy': 'compact', 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.01' };
    await client.topics.create({ name: topic, partitions: 1, replicationFactor: null, config });
    await using producer = await client.producer({ compression: 'none' }, signal);
    let written = 0;
    const write = (...keys: readonly string[]): Promise<void> => {
      const records = keys.map((key) => ({ key: Buffer.from(key), value: Buffer.from(`${written++}`), headers: [] }));
      return producer.send([{ topic, partition: 0, records }], signal);
    };
    const replay = async (from: number, until: number): Promise<readonly number[]> => {
      await using source = createTopicSource({
        client,
        topics: [topic],
        from: { offsets: { [topic]: { 0: from } } },
        until: { offsets: { [topic]: { 0: until } } },
        memory: null,
        messages: lineMessages,
        clock: systemClock,
      });
      await source.identity(signal);
      const offsets: number[] = [];
      for (const split of await source.splits(signal))
        for await (const { origin } of source.read(split, null, LIMITS, signal)) offsets.push(...origin.lines!);
      return offsets;
    };

    // The newest segment is never compacted, and a write after `segment.ms` begins a new one.
    await write('kept');
    const second = async (): Promise<number> => {
      await write('a', 'b', 'c');
      return (await replay(0, written))[1]!;
    };
    await expect.poll(second, { timeout: 60_000, interval: 300 }).toBeGreaterThan(6);
    const inGap = 5;
    expect(await replay(0, inGap)).toEqual([0]);
    expect((await replay(0, written)).slice(-3)).toEqual([written - 3, written - 2, written - 1]);
    expect(await replay(2, inGap)).toEqual([]);

    const group = freshName('group');
    const seen: number[] = [];
    const reader = createTopicReader({
      client,
      consumer: { ...lineConsumer, topics: [topic] },
      group,
      start: 'earliest',
      until: { offsets: { [topic]: { 0: inGap } } },
      limits: LIMITS,
      messages: lineMessages,
      numbers: new PartitionNumbers(),
      clock: systemClock,
      commitOffsets: true,
    });
    for await (const lease of reader.leases(signal)) {
      await using held = lease;
      for (let record = await held.next(signal); record.kind === 'batch'; record = await held.next(signal)) {
        seen.push(...record.value.origin.lines!);
        await held.commit(record.value.origin.position as number);
      }
    }
    expect(seen).toEqual([0]);
    expect(await client.topics.committed(group, topic)).toEqual([inGap]);
  }, 120_000);
});
