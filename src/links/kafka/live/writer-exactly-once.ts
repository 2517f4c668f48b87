import { TRANSACTION_LIMITS } from './writer-group-commits.ts';
import { createTopicWriter, type TopicWriter, type TopicWriterOptions } from './writer-link.ts';
import { holdTransactionally } from './writer-transactional-hold.ts';

export interface TransactionalWriterOptions extends TopicWriterOptions {
  /** The group whose offsets are committed with the rows. */
  readonly group: string;
  /** Transactional IDs are `<prefix>/<input topic>/<partition>` (no topic has a slash): the same in every process of a job, different for different jobs. */
  readonly transactionalIdPrefix: string;
  /** Milliseconds after which the broker aborts a transaction that nobody ends. Default 30,000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Writes scored rows of topics to a topic exactly once, for those who read committed records: rows, dead letters and the next
 * input offset become visible in one transaction, or none of them does. `begin` fences whoever held the partition, then believes
 * the group's committed offset, not the caller. A transaction that failed is tried again once it is sure that it is not there;
 * KAFKA_FENCED ends the partition.
 *
 * A reader with a client that filters aborted records wrongly may still see some (kafkajs by itself does when several producers interleave in one
 * partition, or for keys of four zero bytes); `partitioning: 'source'` into as many partitions avoids the first.
 */
export function createTransactionalWriter(options: TransactionalWriterOptions): TopicWriter {
  const { client, topic, deadLetterTopic, group, compression, transactionalIdPrefix, timeoutMs = 30_000 } = options;
  const topics = deadLetterTopic === null ? [topic] : [topic, deadLetterTopic];
  return createTopicWriter(
    { ...options, limits: { ...TRANSACTION_LIMITS, ...options.limits } },
    (place, from, signal) => {
      const transactionalId = `${transactionalIdPrefix}/${place.topic}/${place.partition}`;
      return holdTransactionally(
        { client, group, place, topics, transactionalId, compression, timeoutMs },
        from,
        signal,
      );
    },
    async () => undefined,
  );
}
