import type { KafkaClient, KafkaCompression, TopicPartition } from '../client.ts';
import type { WriterHold } from '../live/writer-link.ts';
import { holdTransactionally } from '../live/writer-transactional-hold.ts';

export interface SinkHoldOptions {
  readonly client: KafkaClient;
  readonly id: string;
  readonly exactlyOnce: boolean;
  /** Where the output's ledgers are; the offset that is committed for it counts them. */
  readonly place: TopicPartition;
  /** The topics of rows and dead letters. */
  readonly topics: readonly string[];
  readonly compression: KafkaCompression;
  readonly timeoutMs: number;
}

/**
 * Takes the right to write an output. Exactly once: in transactions, under an ID of the output's own, with the ledger's revision as the
 * committed offset of a group that has no members. Otherwise a producer that is sent the rows, then the ledger.
 */
export async function holdOutput(options: SinkHoldOptions, signal: AbortSignal): Promise<WriterHold> {
  const { client, id, exactlyOnce, place, compression, timeoutMs } = options;
  if (exactlyOnce) {
    const topics = [...options.topics, place.topic];
    const hold = { client, transactionalId: id, group: id, place, topics, compression, timeoutMs };
    return holdTransactionally(hold, 0, signal);
  }
  const producer = await client.producer({ compression }, signal);
  return {
    from: 0,
    commit: async (batches, _after, _next, until) => {
      const rows = batches.filter(({ topic }) => topic !== place.topic);
      if (rows.length > 0) await producer.send(rows, until);
      await producer.send(
        batches.filter(({ topic }) => topic === place.topic),
        until,
      );
    },
    close: () => producer.close(),
  };
}
