import { SluiceError } from '../../../src/core/error.ts';
import type { KafkaProducer, PartitionRecords } from '../../../src/links/kafka/client.ts';
import type { Cluster } from './cluster.ts';
import type { MemoryProcess } from './memory-process.ts';

/**
 * The idempotent producer: calls with a partition in common are done in their order, others overtake each other, as those for
 * different leaders do; each partition is written in a step of its own.
 */
export class MemoryProducer implements KafkaProducer {
  readonly #cluster: Cluster;
  readonly #process: MemoryProcess;
  readonly #tails = new Map<string, Promise<unknown>>();
  #closed = false;

  constructor(cluster: Cluster, process: MemoryProcess) {
    this.#cluster = cluster;
    this.#process = process;
  }

  send(batches: readonly PartitionRecords[], signal: AbortSignal): Promise<void> {
    if (this.#closed) return Promise.reject(new SluiceError('KAFKA_FAULT', 'the producer is closed'));
    const places = batches.map(({ topic, partition }) => `${topic}/${partition}`);
    const before = places.flatMap((place) => this.#tails.get(place) ?? []);
    const sent = Promise.all(before).then(() => this.#send(batches, signal));
    const settled = sent.catch(() => undefined);
    for (const place of places) this.#tails.set(place, settled);
    return sent;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#tails.values());
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
