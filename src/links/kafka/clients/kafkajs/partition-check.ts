import { SluiceError } from '../../../../core/error.ts';
import type { PartitionRecords } from '../../client.ts';

/**
 * Knows which partitions there are. kafkajs leaves records for a partition that is not there out without a word, and
 * tries for a topic that is not there until its retries are spent.
 */
export class PartitionCheck {
  readonly #count: (topic: string) => Promise<number | null>;
  readonly #known = new Map<string, number>();

  constructor(count: (topic: string) => Promise<number | null>) {
    this.#count = count;
  }

  /** Whether all of these partitions are known. */
  known(batches: readonly PartitionRecords[]): boolean {
    return batches.every(({ topic, partition }) => partition < (this.#known.get(topic) ?? 0));
  }

  /** Rejects with KAFKA_TOPIC_MISSING when one of them is not there. */
  async learn(batches: readonly PartitionRecords[]): Promise<void> {
    for (const { topic, partition } of batches) {
      if (partition < (this.#known.get(topic) ?? 0)) continue;
      const count = await this.#count(topic);
      if (count === null) throw new SluiceError('KAFKA_TOPIC_MISSING', `there is no topic ${topic}: create it first`);
      if (partition >= count) {
        throw new SluiceError('KAFKA_TOPIC_MISSING', `topic ${topic} has ${count} partitions, no number ${partition}`);
      }
      this.#known.set(topic, count);
    }
  }

  /** What was known of the topics of a failed call is asked again. */
  forget(batches: readonly PartitionRecords[]): void {
    for (const { topic } of batches) this.#known.delete(topic);
  }
}
