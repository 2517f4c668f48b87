import { randomUUID } from 'node:crypto';
import kafkajs, { type Admin, type Kafka, type PartitionOffset, type Producer } from 'kafkajs';
import { plainKafka } from './plain-kafka.ts';
import { until } from './until.ts';

/** A row as the tests of live jobs write it: what came is found again by its number. */
export interface LiveRow {
  readonly partition: number;
  readonly value: Buffer | null;
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string | Buffer>>;
  readonly timestamp?: number;
}

/** A message as a reader of committed records sees it. */
export interface SeenMessage {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Writes to topics and looks at groups with a plain kafkajs client: none of Sluice is in it. */
export class LiveTopics implements AsyncDisposable {
  readonly admin: Admin;
  readonly #kafka: Kafka;
  readonly #producer: Producer;

  private constructor(kafka: Kafka, admin: Admin, producer: Producer) {
    this.#kafka = kafka;
    this.admin = admin;
    this.#producer = producer;
  }

  static async open(brokers: readonly string[]): Promise<LiveTopics> {
    const kafka = plainKafka(brokers, { retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 200 } });
    const producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!,
    });
    const admin = kafka.admin();
    await Promise.all([producer.connect(), admin.connect()]);
    return new LiveTopics(kafka, admin, producer);
  }

  async create(topic: string, partitions: number, config: Readonly<Record<string, string>> = {}): Promise<void> {
    // Rows here are of other times than now: a broker would remove them at its next look for old ones.
    const configEntries = Object.entries({ 'retention.ms': '-1', ...config }).map(([name, value]) => ({ name, value }));
    await this.admin.createTopics({
      topics: [{ topic, numPartitions: partitions, configEntries }],
      waitForLeaders: false,
    });
    // A broker that has just begun may not know at once what it has made, and kafkajs does not wait that out.
    await until(
      async () => {
        const found = await this.admin.fetchTopicMetadata({ topics: [topic] }).catch(nothingYet);
        const made = found?.topics[0]?.partitions ?? [];
        return made.length === partitions && made.every(({ leader }) => leader >= 0);
      },
      () => `the topic ${topic} is not there`,
    );
  }

  /** Sets how large the messages of a topic may be. */
  async limit(topic: string, bytes: number): Promise<void> {
    const configEntries = [{ name: 'max.message.bytes', value: String(bytes) }];
    const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }];
    await this.admin.alterConfigs({ validateOnly: false, resources });
  }

  /** Writes rows, acknowledged by all replicas, in their order. */
  async send(topic: string, rows: readonly LiveRow[]): Promise<void> {
    const messages = rows.map(({ partition, value, key = null, headers = {}, timestamp }) => ({
      partition,
      value,
      key,
      headers: { ...headers },
      ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
    }));
    await this.#producer.send({ topic, messages, acks: -1 });
  }

  /** All that is in a topic now, by partition and offset. */
  async read(topic: string): Promise<readonly SeenMessage[]> {
    const seen: SeenMessage[] = [];
    const groupId = `read-${randomUUID()}`;
    const consumer = this.#kafka.consumer({ groupId, readUncommitted: false, maxWaitTimeInMs: 50 });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommitThreshold: 1,
        eachMessage: async ({ partition, message }) => {
          const { offset, timestamp, key, value, headers = {} } = message;
          seen.push({
            partition,
            offset: Number(offset),
            timestamp: Number(timestamp),
            key,
            value,
            headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)])),
          });
        },
      });
      await until(
        async () => (await this.lag(groupId, topic)) === 0,
        () => `${topic} was not read to its end, but ${seen.length} messages`,
      );
    } finally {
      await consumer.disconnect();
    }
    return seen.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
  }

  /** Messages that the group has not committed yet. */
  async lag(group: string, topic: string): Promise<number> {
    const [ends, committed] = await Promise.all([this.ends(topic), this.committed(group, topic)]);
    return ends.reduce((sum, end, partition) => sum + end - (committed[partition] ?? 0), 0);
  }

  /** Resolves when the group has committed everything. */
  async drained(group: string, topic: string, otherwise = (): string => ''): Promise<void> {
    await until(
      async () => (await this.lag(group, topic)) === 0,
      () => `group ${group} is not done; ${otherwise()}`,
      100_000,
    );
  }

  async ends(topic: string): Promise<readonly number[]> {
    const offsets = await settled(() => this.admin.fetchTopicOffsets(topic));
    return offsets.toSorted((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
  }

  /** Null where nothing is committed. */
  async committed(group: string, topic: string): Promise<readonly (number | null)[]> {
    const [found] = await settled(() => this.admin.fetchOffsets({ groupId: group, topics: [topic] }));
    return offsetsOf(found?.partitions ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#producer.disconnect(), this.admin.disconnect()]);
  }
}

/** A broker that has just come back knows not at once what it leads and coordinates, which kafkajs does not wait out by itself. */
async function settled<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const found = await ask().catch(nothingYet);
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function nothingYet(error: unknown): null {
  if (error instanceof kafkajs.KafkaJSError && error.retriable) return null;
  throw error;
}

function offsetsOf(partitions: readonly PartitionOffset[]): readonly (number | null)[] {
  return partitions
    .toSorted((a, b) => a.partition - b.partition)
    .map(({ offset }) => (Number(offset) < 0 ? null : Number(offset)));
}
