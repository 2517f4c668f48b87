import type { TopicPartition } from '../../../src/links/kafka/client.ts';

interface Shown {
  readonly offset: number;
  readonly write: number;
}

/**
 * The offsets that a group has committed. Of two commits the one that was written last stands, though that of a transaction is seen
 * only when its markers are there, which may be after a later plain one: brokers compare the places in their log.
 */
export class CommittedOffsets {
  readonly #shown = new Map<string, Shown>();
  #writes = 0;

  get({ topic, partition }: TopicPartition): number | undefined {
    return this.#shown.get(`${topic}/${partition}`)?.offset;
  }

  /** Writes an offset. The result is to be called when it may be seen. */
  write({ topic, partition }: TopicPartition, offset: number): () => void {
    this.#writes += 1;
    const write = this.#writes;
    return () => {
      const shown = this.#shown.get(`${topic}/${partition}`);
      if (shown === undefined || shown.write < write) this.#shown.set(`${topic}/${partition}`, { offset, write });
    };
  }

  delete({ topic, partition }: TopicPartition): void {
    this.#shown.delete(`${topic}/${partition}`);
  }
}
