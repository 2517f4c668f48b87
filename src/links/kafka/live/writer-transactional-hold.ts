import { findSluiceError, SluiceError } from '../../../core/error.ts';
import type { KafkaClient, KafkaCompression, TopicPartition, TransactionalProducer } from '../client.ts';
import type { WriterHold } from './writer-link.ts';

export interface TransactionalHoldOptions {
  readonly client: KafkaClient;
  readonly transactionalId: string;
  /** The group and the place whose committed offset says what is done. */
  readonly group: string;
  readonly place: TopicPartition;
  /** The topics that are written. */
  readonly topics: readonly string[];
  readonly compression: KafkaCompression;
  /** Milliseconds after which the broker aborts a transaction that nobody ends. */
  readonly timeoutMs: number;
}

/**
 * Takes the right to write under a transactional ID: fences whoever had it, then reads the committed offset, which rules. Each commit
 * writes records and the next offset in one transaction. After one that failed the producer is made anew, which ends what was open
 * under its ID, and the committed offset tells whether it came to be after all; an offset that neither expected is KAFKA_FENCED.
 * @param from the offset when the group has committed none.
 */
export async function holdTransactionally(
  options: TransactionalHoldOptions,
  from: number,
  signal: AbortSignal,
): Promise<WriterHold> {
  const { client, group, place, topics, transactionalId, compression, timeoutMs } = options;
  let producer: TransactionalProducer | undefined;
  let closed = false;
  let fenced: unknown;
  const close = async (): Promise<void> => {
    const closing = producer;
    producer = undefined;
    await closing?.close();
  };
  const written = async (): Promise<readonly TopicPartition[]> => {
    const counts = await Promise.all(topics.map((topic) => client.topics.partitions(topic)));
    return topics.flatMap((topic, i) =>
      Array.from({ length: counts[i] ?? 0 }, (_, partition) => ({ topic, partition })),
    );
  };
  /** Fences, then reads: before the fence a former holder could still move the offset. */
  const take = async (initial: number, until: AbortSignal): Promise<number> => {
    await close().catch(() => undefined);
    const connected = await client.transactionalProducer({ transactionalId, timeoutMs, compression }, until);
    try {
      const offset = (await connected.settled(group, place, written, until)) ?? initial;
      until.throwIfAborted();
      if (closed)
        throw new SluiceError('JOB_INTERRUPTED', `the writer of ${place.topic}/${place.partition} was closed`);
      producer = connected;
      return offset;
    } catch (error) {
      await connected.close().catch(() => undefined);
      throw error;
    }
  };

  const start = await take(from, signal);
  return {
    from: start,
    commit: async (batches, after, next, until) => {
      if (fenced !== undefined) throw fenced;
      if (producer === undefined) {
        const offset = await take(start, until);
        if (offset === next && next !== after) return;
        if (offset !== after) {
          throw new SluiceError(
            'KAFKA_FENCED',
            `group ${group} stands at offset ${offset} of ${place.topic}/${place.partition} where ${after} or ${next} was expected: another process has taken over`,
          );
        }
      }
      try {
        await producer!.commit(batches, [{ group, offsets: [{ ...place, offset: next }] }], until);
      } catch (error) {
        if (findSluiceError(error)?.code === 'KAFKA_FENCED') fenced = error;
        await close().catch(() => undefined);
        throw error;
      }
    },
    close: async () => {
      closed = true;
      await close();
    },
  };
}
