import kafkajs, { type Producer } from 'kafkajs';
import { SluiceError } from '../../../../core/error.ts';
import type { KafkaCompression, KafkaProducer, PartitionRecords } from '../../client.ts';
import { kafkaFault } from './fault.ts';
import { toTopicMessages } from './messages.ts';
import type { PartitionCheck } from './partition-check.ts';
import { SendQueue } from './send-queue.ts';
import { untilAborted } from './until.ts';

export const compressionTypes: Readonly<Record<KafkaCompression, kafkajs.CompressionTypes>> = {
  none: kafkajs.CompressionTypes.None,
  gzip: kafkajs.CompressionTypes.GZIP,
  zstd: kafkajs.CompressionTypes.ZSTD,
  snappy: kafkajs.CompressionTypes.Snappy,
  lz4: kafkajs.CompressionTypes.LZ4,
};

/** What a producer is made with. */
export interface ProducerPorts {
  /** A new idempotent producer, not yet connected. */
  readonly open: () => Producer;
  readonly check: PartitionCheck;
  readonly compression: KafkaCompression;
  /** Told when it is closed. */
  readonly closed: () => void;
}

/**
 * One request at a time: only then does no retry of kafkajs change the order (seen with five in flight). What is called
 * meanwhile goes into the next request together.
 */
export class KafkajsProducer implements KafkaProducer {
  readonly #ports: ProducerPorts;
  readonly #queue = new SendQueue((batches) => this.#send(batches));
  #inner: Promise<Producer> | undefined;
  #closed = false;

  constructor(ports: ProducerPorts) {
    this.#ports = ports;
  }

  async connect(signal: AbortSignal): Promise<void> {
    try {
      await untilAborted(this.#connected(), signal);
    } catch (error) {
      const closed = this.close();
      if (signal.aborted) throw signal.reason;
      await closed;
      throw kafkaFault(error, 'connect a producer');
    }
  }

  async send(batches: readonly PartitionRecords[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#closed) throw new SluiceError('CONTRACT_BROKEN', 'a Kafka producer was used after it was closed');
    const filled = batches.filter(({ records }) => records.length > 0);
    if (filled.length === 0) return;
    // Not waited for where it is known: a call must not overtake one that was made before it.
    const unknown = this.#ports.check.known(filled) ? undefined : this.#ports.check.learn(filled);
    await this.#queue.add(filled, unknown, signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.idle();
    await this.#drop();
    this.#ports.closed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #send(batches: readonly PartitionRecords[]): Promise<void> {
    try {
      const inner = await this.#connected();
      await inner.sendBatch({
        acks: -1,
        compression: compressionTypes[this.#ports.compression],
        topicMessages: toTopicMessages(batches),
      });
    } catch (error) {
      // After a failure kafkajs sets its sequence numbers back even for partitions that were written: the broker would
      // take the next records for a repetition and drop them. A new producer begins with new numbers.
      await this.#drop();
      this.#ports.check.forget(batches);
      const names = [...new Set(batches.map(({ topic }) => topic))].join(', ');
      throw kafkaFault(error, `write to topic ${names}`);
    }
  }

  #connected(): Promise<Producer> {
    this.#inner ??= (async () => {
      const inner = this.#ports.open();
      await inner.connect();
      return inner;
    })();
    return this.#inner;
  }

  async #drop(): Promise<void> {
    const inner = this.#inner;
    this.#inner = undefined;
    await inner?.then((each) => each.disconnect()).catch(() => undefined);
  }
}
