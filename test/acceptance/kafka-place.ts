import { randomUUID } from 'node:crypto';
import { createMessageReader, createMessageWriter } from '../../src/codecs/messages/message-formats.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { MessageReader, MessageWriter } from '../../src/core/message-format.ts';
import type { Source } from '../../src/core/source.ts';
import type { KafkaClient } from '../../src/links/kafka/client.ts';
import { createKafkajsClient } from '../../src/links/kafka/clients/kafkajs/client.ts';
import { createTopicSource } from '../../src/links/kafka/live/topic-source.ts';
import type { KafkaConnection } from '../../src/links/kafka/settings.ts';

/** A broker that wants a password, as a process of its own can be told it. */
export interface KafkaPlace {
  readonly brokers: readonly string[];
  readonly username: string;
  readonly password: string;
}

/** A client with the place's password, with what a test wants otherwise. */
export function kafkaClient(
  { brokers, username, password }: KafkaPlace,
  changes: Partial<KafkaConnection> = {},
): KafkaClient {
  return createKafkajsClient({
    brokers,
    clientId: 'sluice-acceptance',
    rack: null,
    tls: null,
    sasl: { mechanism: 'scram-sha-512', username, password: () => password },
    compression: 'none',
    retryMs: 30_000,
    ...changes,
  });
}

export const jsonReader = (): MessageReader =>
  createMessageReader({ format: 'json', columns: null, expected: [] }, { clock: systemClock, registry: null });

export const jsonWriter = (): MessageWriter =>
  createMessageWriter({ format: 'json' }, { clock: systemClock, registry: null });

/** The source of all that is in a topic, over a client of its own. */
export function topicSource(place: KafkaPlace, topic: string, changes: Partial<KafkaConnection> = {}): Source {
  const client = kafkaClient(place, changes);
  const source = createTopicSource({
    client,
    topics: [topic],
    from: 'earliest',
    until: 'end',
    memory: null,
    messages: jsonReader,
    clock: systemClock,
  });
  const close = async (): Promise<void> => {
    await source.close();
    await client.close();
  };
  return Object.defineProperties(
    { ...source, close, [Symbol.asyncDispose]: close },
    {
      bytesRead: { get: () => source.bytesRead },
    },
  );
}

/** A topic that nobody else uses. */
export async function freshTopic(client: KafkaClient, partitions: number): Promise<string> {
  const name = `acceptance-${randomUUID()}`;
  await client.topics.create({ name, partitions, replicationFactor: null, config: {} });
  return name;
}

/** Writes texts to a partition, in their order. */
export async function send(
  client: KafkaClient,
  topic: string,
  partition: number,
  texts: readonly string[],
): Promise<void> {
  if (texts.length === 0) return;
  const { signal } = new AbortController();
  await using producer = await client.producer({ compression: 'none' }, signal);
  const records = texts.map((text) => ({ key: null, value: Buffer.from(text), headers: [] }));
  for (let from = 0; from < records.length; from += 100)
    await producer.send([{ topic, partition, records: records.slice(from, from + 100) }], signal);
}
