import { randomUUID } from 'node:crypto';
import type { Envelope } from '../../../src/core/envelope.ts';
import type {
  AssignedPartition,
  ConsumerOptions,
  KafkaClient,
  KafkaConsumer,
  ProducerRecord,
} from '../../../src/links/kafka/client.ts';
import type { KafkaConnection } from '../../../src/links/kafka/settings.ts';

/** What an adapter is made by. */
export type CreateKafkaClient = (connection: KafkaConnection) => KafkaClient;

/** A connection without TLS or password, with what a test wants otherwise. */
export function plainConnection(brokers: readonly string[], changes: Partial<KafkaConnection> = {}): KafkaConnection {
  return {
    brokers,
    clientId: 'sluice-test',
    rack: null,
    tls: null,
    sasl: null,
    compression: 'none',
    retryMs: 30_000,
    ...changes,
  };
}

/** Options of a consumer, with what a test wants otherwise. */
export function consumerOptions(
  topics: readonly string[] | RegExp,
  group: string | null,
  changes: Partial<ConsumerOptions> = {},
): ConsumerOptions {
  return {
    topics,
    group,
    from: 'earliest',
    readCommitted: true,
    sessionTimeoutMs: 6_000,
    drainMs: 500,
    stuckMs: 60_000,
    bufferBytes: 1 << 20,
    ...changes,
  };
}

/** A name that nobody else uses. */
export function freshName(what: string): string {
  return `${what}-${randomUUID()}`;
}

/** A topic of the test's own. */
export async function freshTopic(client: KafkaClient, partitions: number): Promise<string> {
  const name = freshName('client');
  await client.topics.create({ name, partitions, replicationFactor: null, config: {} });
  return name;
}

/** A message with a text for its value. */
export function textRecord(value: string): ProducerRecord {
  return { key: null, value: Buffer.from(value), headers: [] };
}

/** The texts of messages. */
export function texts(messages: readonly Envelope[]): readonly string[] {
  return messages.map(({ value }) => Buffer.from(value ?? []).toString());
}

/** Writes texts to a partition. */
export async function write(client: KafkaClient, topic: string, partition: number, values: readonly string[]) {
  const signal = AbortSignal.timeout(30_000);
  await using producer = await client.producer({ compression: 'none' }, signal);
  await producer.send([{ topic, partition, records: values.map(textRecord) }], signal);
}

/** Takes what is assigned, as it comes. */
export class Assignments {
  readonly #iterator: AsyncIterator<AssignedPartition>;

  constructor(consumer: KafkaConsumer, signal: AbortSignal) {
    this.#iterator = consumer.assignments(signal)[Symbol.asyncIterator]();
  }

  async next(): Promise<AssignedPartition> {
    const result = await this.#iterator.next();
    if (result.done === true) throw new Error('no partition will come any more');
    return result.value;
  }

  async take(count: number): Promise<readonly AssignedPartition[]> {
    const taken: AssignedPartition[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }
}

/** Polls until so many messages have come. */
export async function pollAll(
  partition: AssignedPartition,
  count: number,
  signal: AbortSignal,
): Promise<readonly Envelope[]> {
  const all: Envelope[] = [];
  while (all.length < count) all.push(...(await partition.poll(1 << 20, signal)));
  return all;
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
