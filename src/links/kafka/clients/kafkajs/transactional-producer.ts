import type { Producer, Transaction } from 'kafkajs';
import type { Clock } from '../../../../core/clock.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { GroupOffsets, KafkaCompression, PartitionRecords, TransactionalProducer } from '../../client.ts';
import { faultTypes, kafkaFault } from './fault.ts';
import { toTopicMessages } from './messages.ts';
import type { PartitionCheck } from './partition-check.ts';
import { compressionTypes } from './producer.ts';
import { untilAborted } from './until.ts';

/** What a transactional producer is made with. */
export interface TransactionalPorts {
  /** A new producer with the transactional id, not yet connected. */
  readonly open: () => Producer;
  readonly check: PartitionCheck;
  readonly transactionalId: string;
  readonly compression: KafkaCompression;
  readonly clock: Clock;
  readonly retryMs: number;
  /** Told when it is closed. */
  readonly closed: () => void;
}

const never = new AbortController().signal;

/**
 * Where a transaction's end is in doubt (the connection broke while it was ended), or where kafkajs's sequence numbers may
 * no longer fit the broker's, the producer is dead: to take the id again by itself could fence its rightful holder.
 * Who takes the id anew settles the doubt, and reads in the committed offsets what came of it.
 */
export class KafkajsTransactionalProducer implements TransactionalProducer {
  readonly #ports: TransactionalPorts;
  readonly #inner: Producer;
  #dead: SluiceError | undefined;
  #busy: Promise<void> = Promise.resolve();

  constructor(ports: TransactionalPorts) {
    this.#ports = ports;
    this.#inner = ports.open();
  }

  /** Fences whoever held the id: connecting alone does not, an empty transaction does. */
  async connect(signal: AbortSignal): Promise<void> {
    const connecting = (async () => {
      await this.#inner.connect();
      const transaction = await this.#inner.transaction();
      await transaction.abort();
    })();
    try {
      await untilAborted(connecting, signal);
    } catch (error) {
      const closed = this.close();
      if (signal.aborted) throw signal.reason;
      await closed;
      throw kafkaFault(error, `take the transactional id ${this.#ports.transactionalId}`);
    }
  }

  commit(batches: readonly PartitionRecords[], offsets: readonly GroupOffsets[], signal: AbortSignal): Promise<void> {
    const done = this.#busy.then(() => this.#commit(batches, offsets, signal));
    this.#busy = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    this.#dead ??= new SluiceError('KAFKA_FENCED', `the producer of ${this.#ports.transactionalId} was closed`);
    await this.#busy;
    await this.#inner.disconnect().catch(() => undefined);
    this.#ports.closed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #commit(
    batches: readonly PartitionRecords[],
    offsets: readonly GroupOffsets[],
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    if (this.#dead !== undefined) throw this.#dead;
    const { check, compression, transactionalId } = this.#ports;
    const filled = batches.filter(({ records }) => records.length > 0);
    if (!check.known(filled)) await check.learn(filled);
    const transaction = await this.#inner.transaction();
    let sending = false;
    try {
      if (filled.length > 0) {
        sending = true;
        await transaction.sendBatch({
          acks: -1,
          compression: compressionTypes[compression],
          topicMessages: toTopicMessages(filled),
        });
        sending = false;
      }
      for (const group of offsets) await this.#sendOffsets(transaction, group);
      signal.throwIfAborted();
    } catch (error) {
      const ended = await transaction.abort().then(
        () => true,
        () => false,
      );
      // A failed request sets kafkajs's sequence numbers back, even for partitions that were written.
      if (sending || !ended) this.#die('its last transaction failed');
      if (error === signal.reason && signal.aborted) throw error;
      throw kafkaFault(error, `write a transaction of ${transactionalId}`);
    }
    try {
      await transaction.commit();
    } catch (error) {
      this.#die('the end of its last transaction is in doubt', error);
      throw this.#dead!;
    }
  }

  /** kafkajs repeats only half of this by itself: the last transaction's markers may not be written yet. */
  async #sendOffsets(transaction: Transaction, { group, offsets }: GroupOffsets): Promise<void> {
    const { clock, retryMs } = this.#ports;
    const byTopic = Map.groupBy(offsets, ({ topic }) => topic);
    const topics = [...byTopic].map(([topic, list]) => ({
      topic,
      partitions: list.map(({ partition, offset }) => ({ partition, offset: `${offset}` })),
    }));
    const began = clock.now();
    for (let pause = 2; ; pause = Math.min(2 * pause, 500)) {
      try {
        await transaction.sendOffsets({ consumerGroupId: group, topics });
        return;
      } catch (error) {
        const again =
          faultTypes(error).includes('CONCURRENT_TRANSACTIONS') || kafkaFault(error, '').code === 'KAFKA_UNREACHABLE';
        if (!again || clock.now() - began > retryMs) throw error;
        await clock.sleep(pause, never);
      }
    }
  }

  #die(why: string, cause?: unknown): void {
    const { transactionalId } = this.#ports;
    this.#dead = new SluiceError('KAFKA_FENCED', `the producer of ${transactionalId} is at its end: ${why}`, { cause });
  }
}
