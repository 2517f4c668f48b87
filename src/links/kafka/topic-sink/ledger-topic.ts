import { randomUUID } from 'node:crypto';
import { SluiceError } from '../../../core/error.ts';
import type { KafkaClient, PartitionRecords, TopicPartition } from '../client.ts';
import { partitionOfKey } from '../live/writer-partitioner.ts';
import { decodeSinkLedger, encodeSinkLedger, type SinkLedger } from './sink-ledger.ts';

const PARTITIONS = 8;
const SILENCE_MS = 1_000;

export interface LedgerTopicOptions {
  readonly client: KafkaClient;
  readonly topic: string;
  /** Null: the cluster's default. */
  readonly replicationFactor: number | null;
}

/** The ledgers of one output in a compacted topic that all outputs share. */
export class LedgerTopic {
  readonly #options: LedgerTopicOptions;
  readonly #id: string;
  readonly place: TopicPartition;

  private constructor(options: LedgerTopicOptions, id: string, partitions: number) {
    this.#options = options;
    this.#id = id;
    this.place = { topic: options.topic, partition: partitionOfKey(Buffer.from(id), partitions) };
  }

  /** Makes the topic if there is none. */
  static async open(options: LedgerTopicOptions, id: string): Promise<LedgerTopic> {
    const { client, topic: name, replicationFactor } = options;
    const there = await client.topics.partitions(name);
    if (there === null) {
      const config = { 'cleanup.policy': 'compact' };
      await client.topics.create({ name, partitions: PARTITIONS, replicationFactor, config });
    }
    const partitions = there ?? (await client.topics.partitions(name));
    if (partitions !== null) return new LedgerTopic(options, id, partitions);
    throw new SluiceError('KAFKA_TOPIC_MISSING', `the ledger topic ${name} was removed while it was used`);
  }

  records(ledger: SinkLedger): PartitionRecords {
    return { ...this.place, records: [encodeSinkLedger(this.#id, ledger)] };
  }

  /**
   * Every ledger of the output that is still in the topic, oldest first, those of aborted transactions among them. To know where the log
   * ends a mark is written first, and everything before it is read: neither what a client says of ends nor what it hides is needed.
   * @param write writes records durably.
   */
  async read(
    write: (batches: readonly PartitionRecords[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<readonly SinkLedger[]> {
    const { topic } = this.#options;
    const markKey = `${this.#id}/mark`;
    const mark = randomUUID();
    const record = { key: Buffer.from(markKey), value: Buffer.from(mark), headers: [] };
    const writeMark = (): Promise<void> => write([{ ...this.place, records: [record] }]);
    await writeMark();

    await using consumer = await this.#options.client.consumer(
      {
        topics: [topic],
        group: null,
        from: 'earliest',
        readCommitted: false,
        sessionTimeoutMs: 30_000,
        drainMs: 1_000,
        stuckMs: Number.POSITIVE_INFINITY,
        bufferBytes: 1_000_000,
      },
      signal,
    );
    for await (const assigned of consumer.assignments(signal)) {
      await using partition = assigned;
      if (partition.partition !== this.place.partition) continue;
      const found: SinkLedger[] = [];
      for (;;) {
        const envelopes = await partition.poll(1_000_000, signal, SILENCE_MS);
        // Compaction drops the mark when another run has written its own: then this one learns here that it is fenced.
        if (envelopes.length === 0) await writeMark();
        for (const envelope of envelopes) {
          const key = Buffer.from(envelope.key ?? []).toString();
          if (key === this.#id) found.push(decodeSinkLedger(envelope));
          if (key === markKey && Buffer.from(envelope.value ?? []).toString() === mark) return found;
        }
      }
    }
    throw new SluiceError('KAFKA_FAULT', `partition ${this.place.partition} of ${topic} was not given to its reader`);
  }
}
