import type { KafkaClient, TransactionalProducer } from './client.ts';

/** A client that counts, for those who watch a run. */
export interface CountedClient extends KafkaClient {
  /** Transactions that were committed through it. */
  readonly transactions: number;
}

/** The same client, counting. */
export function countedClient(client: KafkaClient): CountedClient {
  let transactions = 0;
  const counted = (producer: TransactionalProducer): TransactionalProducer => ({
    commit: async (batches, offsets, signal) => {
      await producer.commit(batches, offsets, signal);
      transactions += 1;
    },
    settled: (group, place, written, signal) => producer.settled(group, place, written, signal),
    close: () => producer.close(),
    [Symbol.asyncDispose]: () => producer.close(),
  });
  return {
    topics: client.topics,
    producer: (options, signal) => client.producer(options, signal),
    transactionalProducer: async (options, signal) => counted(await client.transactionalProducer(options, signal)),
    consumer: (options, signal) => client.consumer(options, signal),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client.close(),
    get transactions() {
      return transactions;
    },
  };
}
