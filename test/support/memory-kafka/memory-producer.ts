import { SluiceError } from '../../../src/core/error.ts';
import type { KafkaProducer, PartitionRecords } from '../../../src/links/kafka/client.ts';
import type { Cluster } from './cluster.ts';
import type { MemoryProcess } from './memory-process.ts';

/** The idempotent producer: one request at a time, in the order of the calls; each partition is written in a step of its own. */
export class MemoryProducer implements KafkaProducer {
  readonly #cluster: Cluster;
  readonly #process: MemoryProcess;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(cluster: Cluster, process: MemoryProcess) {
    this.#cluster = cluster;
    this.#process = process;
  }

  send(batches: readonly PartitionRecords[], signal: AbortSignal): Promise<void> {
    if (this.#closed) return Promise.reject(new SluiceError('KAFKA_FAULT', 'the producer is closed'));
    const sent = this.#tail.then(() => this.#send(batches, signal));
    this.#tail = sent.catch(() => undefined);
    return sent;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #send(batches: readonly PartitionRecords[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#process.step();
    this.#cluster.faults.check('send', this.#process);
    for (const batch of batches) {
      signal.throwIfAborted();
      this.#cluster.write(batch, () => null);
      await this.#process.step();
    }
    this.#cluster.faults.check('send', this.#process, true);
  }
}
