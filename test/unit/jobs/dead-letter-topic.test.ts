import { expect, test } from 'vitest';
import { SluiceError } from '../../../src/core/error.ts';
import { ensureDeadLetterTopic, type TopicOutput } from '../../../src/jobs/kafka/open-topics.ts';
import type { KafkaClient, TopicSettings } from '../../../src/links/kafka/client.ts';
import { createMemoryKafka } from '../../support/memory-kafka/memory-kafka.ts';

const output = { topic: 'out', deadLetterTopic: null } as TopicOutput;
const never = new AbortController().signal;
const letter = { key: null, value: new Uint8Array(2_000_000), headers: [] };

/** A cluster and whether a letter of 2 MB fits into the topic that was made on it. @param refuse what the cluster does not make. */
async function takesLargeLetters(refuse: (settings: TopicSettings) => boolean): Promise<boolean> {
  const kafka = createMemoryKafka();
  kafka.createTopic('out', 3);
  const client = kafka.client();
  const topics = {
    ...client.topics,
    create: async (settings: TopicSettings): Promise<boolean> => {
      if (refuse(settings)) throw new SluiceError('KAFKA_FAULT', 'Kafka: creating topic out.dead: POLICY_VIOLATION');
      return await client.topics.create(settings);
    },
  };
  await ensureDeadLetterTopic({ topics } as KafkaClient, output, null);
  expect(await client.topics.partitions('out.dead')).toBe(3);
  const producer = await client.producer({ compression: 'none' }, never);
  const sent = producer.send([{ topic: 'out.dead', partition: 2, records: [letter] }], never);
  return await sent.then(
    () => true,
    (error: unknown) => {
      expect(error).toMatchObject({ code: 'KAFKA_RECORD_TOO_LARGE' });
      return false;
    },
  );
}

test('the topic of dead letters takes letters of whatever size a message may have', async () => {
  expect(await takesLargeLetters(() => false)).toBe(true);
});

test('a cluster that allows no topic as much has one with its own limit', async () => {
  expect(await takesLargeLetters(({ config }) => 'max.message.bytes' in config)).toBe(false);
});
