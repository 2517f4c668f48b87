import { SluiceError } from '../../../core/error.ts';
import type { TopicPartition } from '../client.ts';

/**
 * Partitions of several topics as the partitions of one link: each gets the next number when it is first seen. Numbers hold
 * within one process; what lasts (offsets, transactional ids) goes by names.
 */
export class PartitionNumbers {
  readonly #numbers = new Map<string, Map<number, number>>();
  readonly #partitions: TopicPartition[] = [];

  /** The number of a partition; the same one every time. */
  numberOf({ topic, partition }: TopicPartition): number {
    let ofTopic = this.#numbers.get(topic);
    if (ofTopic === undefined) {
      ofTopic = new Map();
      this.#numbers.set(topic, ofTopic);
    }
    let number = ofTopic.get(partition);
    if (number === undefined) {
      number = this.#partitions.push({ topic, partition }) - 1;
      ofTopic.set(partition, number);
    }
    return number;
  }

  /** The partition that has this number. */
  partitionOf(number: number): TopicPartition {
    const found = this.#partitions[number];
    if (found === undefined)
      throw new SluiceError('CONTRACT_BROKEN', `no partition of a topic has the number ${number}`);
    return found;
  }
}
