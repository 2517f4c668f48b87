import kafkajs, { type Admin, type Producer } from 'kafkajs';

/** A row as the tests of live jobs write it: what came is found again by its number. */
export interface LiveRow {
  readonly partition: number;
  readonly value: Buffer | null;
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timestamp?: number;
}

/** Writes to topics and looks at groups with a plain kafkajs client: none of Sluice is in it. */
export class LiveTopics implements AsyncDisposable {
  readonly admin: Admin;
  readonly #producer: Producer;

  private constructor(admin: Admin, producer: Producer) {
    this.admin = admin;
    this.#producer = producer;
  }

  static async open(brokers: readonly string[]): Promise<LiveTopics> {
    const kafka = new kafkajs.Kafka({
      brokers: [...brokers],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 200 },
    });
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
    return new LiveTopics(admin, producer);
  }

  async create(topic: string, partitions: number, config: Readonly<Record<string, string>> = {}): Promise<void> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await this.admin.createTopics({
      topics: [{ topic, numPartitions: partitions, configEntries }],
      waitForLeaders: true,
    });
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

  /** Messages that the group has not committed yet. */
  async lag(group: string, topic: string): Promise<number> {
    const [ends, committed] = await Promise.all([this.ends(topic), this.committed(group, topic)]);
    return ends.reduce((sum, end, partition) => sum + end - (committed[partition] ?? 0), 0);
  }

  async ends(topic: string): Promise<readonly number[]> {
    const offsets = await this.admin.fetchTopicOffsets(topic);
    return offsets.toSorted((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
  }

  /** Null where nothing is committed. */
  async committed(group: string, topic: string): Promise<readonly (number | null)[]> {
    const [answer] = await this.admin.fetchOffsets({ groupId: group, topics: [topic] });
    const known = answer?.partitions ?? [];
    return known
      .toSorted((a, b) => a.partition - b.partition)
      .map(({ offset }) => (Number(offset) < 0 ? null : Number(offset)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#producer.disconnect(), this.admin.disconnect()]);
  }
}

/** Looks again and again until it is so; throws what `otherwise` says when the time is up. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  otherwise: () => string,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${otherwise()}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
