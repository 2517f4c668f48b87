import type { ConsumerOptions, KafkaClient, KafkaProducer } from './client.ts';
import { readAlone } from './read-alone.ts';

export interface CompactedTopicOptions {
  readonly client: KafkaClient;
  readonly name: string;
  /** Of the topic, where it is made; null: the cluster's default. */
  readonly replicationFactor: number | null;
  /** Milliseconds after which an entry that nobody wrote again may go, where the topic is made. Left out: never. */
  readonly retentionMs?: number;
}

/** What stands under a key; null: nothing any more. */
export interface CompactedEntry {
  readonly key: string;
  readonly value: string | null;
}

/** Puts entries; dispose of it. */
export interface CompactedWriter extends AsyncDisposable {
  /** Durable when it resolves. */
  put(entries: readonly CompactedEntry[], signal: AbortSignal): Promise<void>;
}

const POLL_BYTES = 1024 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Texts by key in a compacted topic of one partition: what processes of a cluster must know of each other. */
export class CompactedTopic {
  readonly #options: CompactedTopicOptions;

  private constructor(options: CompactedTopicOptions) {
    this.#options = options;
  }

  /** Makes the topic if it is not there. */
  static async open(options: CompactedTopicOptions): Promise<CompactedTopic> {
    const { client, name, replicationFactor, retentionMs } = options;
    const config =
      retentionMs === undefined
        ? { 'cleanup.policy': 'compact' }
        : { 'cleanup.policy': 'compact,delete', 'retention.ms': String(retentionMs) };
    await client.topics.create({ name, partitions: 1, replicationFactor, config });
    return new CompactedTopic(options);
  }

  /** Durable when it resolves. @param value null removes the key. */
  async put(key: string, value: string | null, signal: AbortSignal): Promise<void> {
    await using writer = await this.writer(signal);
    await writer.put([{ key, value }], signal);
  }

  /** For somebody who writes often. */
  async writer(signal: AbortSignal): Promise<CompactedWriter> {
    const { client, name } = this.#options;
    const producer: KafkaProducer = await client.producer({ compression: 'none' }, signal);
    return {
      put: async (entries, until) => {
        const records = entries.map(({ key, value }) => ({
          key: encoder.encode(key),
          value: value === null ? null : encoder.encode(value),
          headers: [],
        }));
        await producer.send([{ topic: name, partition: 0, records }], until);
      },
      [Symbol.asyncDispose]: () => producer.close(),
    };
  }

  /** What stands under a key now. */
  async get(key: string, signal: AbortSignal): Promise<string | null> {
    const [range] = await this.#options.client.topics.ranges(this.#options.name);
    if (range === undefined || range.end === range.start) return null;
    let found: string | null = null;
    for await (const { entry, next } of this.#entries(signal, 'earliest')) {
      if (entry?.key === key) found = entry.value;
      if (next >= range.end) break;
    }
    return found;
  }

  /**
   * Every entry that is there, those that were replaced among them, and every one that comes.
   * @param settleMs gives null after so long without one.
   */
  async *watch(signal: AbortSignal, settleMs: number): AsyncGenerator<CompactedEntry | null> {
    for await (const { entry } of this.#entries(signal, 'earliest', settleMs)) yield entry;
  }

  /** Every entry that comes from now on. */
  async *news(signal: AbortSignal): AsyncGenerator<CompactedEntry> {
    for await (const { entry } of this.#entries(signal, 'latest')) if (entry !== null) yield entry;
  }

  async *#entries(
    signal: AbortSignal,
    from: ConsumerOptions['from'],
    waitMs?: number,
  ): AsyncGenerator<{ readonly entry: CompactedEntry | null; readonly next: number }> {
    const { client, name } = this.#options;
    await using consumer = await readAlone(client, { from, topics: [name], bufferBytes: POLL_BYTES }, signal);
    for await (const assigned of consumer.assignments(signal)) {
      await using partition = assigned;
      for (;;) {
        const records = await partition.poll(POLL_BYTES, signal, waitMs);
        if (records.length === 0) yield { entry: null, next: 0 };
        for (const { key, value, offset } of records) {
          const entry = {
            key: decoder.decode(key ?? new Uint8Array(0)),
            value: value === null ? null : decoder.decode(value),
          };
          yield { entry, next: offset + 1 };
        }
      }
    }
  }
}
