import { SluiceError } from '../../../src/core/error.ts';
import type {
  GroupOffsets,
  PartitionRecords,
  TopicPartition,
  TransactionalProducer,
} from '../../../src/links/kafka/client.ts';
import type { Cluster } from './cluster.ts';
import type { MemoryProcess } from './memory-process.ts';
import type { Epoch } from './transactions.ts';

/** A producer of transactions. Each request of one is a step, so that it can be killed, frozen or fenced anywhere in between. */
export class MemoryTransactionalProducer implements TransactionalProducer {
  readonly #cluster: Cluster;
  readonly #process: MemoryProcess;
  readonly #epoch: Epoch;
  #tail: Promise<unknown> = Promise.resolve();
  #fenced: SluiceError | undefined;
  #closed = false;

  constructor(cluster: Cluster, process: MemoryProcess, epoch: Epoch) {
    this.#cluster = cluster;
    this.#process = process;
    this.#epoch = epoch;
  }

  commit(batches: readonly PartitionRecords[], offsets: readonly GroupOffsets[], signal: AbortSignal): Promise<void> {
    if (this.#closed) return Promise.reject(new SluiceError('KAFKA_FAULT', 'the producer is closed'));
    const done = this.#tail.then(() => this.#commit(batches, offsets, signal));
    this.#tail = done.catch(() => undefined);
    return done;
  }

  async settled(
    group: string,
    place: TopicPartition,
    written: () => Promise<readonly TopicPartition[]>,
  ): Promise<number | null> {
    const { transactions } = this.#cluster;
    await this.#process.step();
    const logs = (await written()).map((one) => this.#cluster.log(one));
    await this.#process.step();
    await transactions.complete(this.#epoch, this.#process, logs);
    const offset = this.#cluster.findGroup(group)?.committed.get(this.#cluster.log(place)) ?? null;
    await this.#process.step();
    this.#cluster.faults.check('topics', this.#process, true);
    return offset;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #commit(
    batches: readonly PartitionRecords[],
    offsets: readonly GroupOffsets[],
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#fenced !== undefined) throw this.#fenced;
    const { transactions } = this.#cluster;
    try {
      signal.throwIfAborted();
      await this.#process.step();
      await transactions.begin(this.#epoch, this.#process);
      for (const batch of batches) {
        await this.#process.step();
        signal.throwIfAborted();
        this.#cluster.write(batch, (log) => transactions.join(this.#epoch, log));
      }
      for (const group of offsets) {
        await this.#process.step();
        transactions.offsets(this.#epoch, group);
      }
      await this.#process.step();
      signal.throwIfAborted();
      this.#cluster.faults.check('transaction', this.#process);
      transactions.end(this.#epoch, 'committed');
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'KAFKA_FENCED') this.#fenced = error;
      else await this.#abort();
      throw error;
    }
    // The reply: whoever dies here has committed without knowing it.
    await this.#process.step();
  }

  /** Nothing was begun, or it was fenced in between: then there is nothing of ours left to abort. */
  async #abort(): Promise<void> {
    try {
      await this.#process.step();
      this.#cluster.transactions.end(this.#epoch, 'aborted');
    } catch {
      return;
    }
  }
}
