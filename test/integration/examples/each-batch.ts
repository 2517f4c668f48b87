import type { Consumer, Producer } from 'kafkajs';
import { type EachBatchHandler, scoreEachBatch } from 'sluice';

/** Scores what your own consumer reads, with your own producer. */
export async function scoreTopic(server: string, consumer: Consumer, producer: Producer): Promise<EachBatchHandler> {
  const eachBatch = scoreEachBatch({
    deployment: { id: 'flights', server },
    passthroughColumns: ['flight_id'],
    onScored: async (messages, { batch }) => {
      const partitioned = messages.map((message) => ({ ...message, partition: batch.partition }));
      await producer.send({ topic: `${batch.topic}.scored`, messages: partitioned });
    },
    onDeadLetters: async (letters) => console.error(`${letters.length} bad rows, the first: ${letters[0]?.reason}`),
  });
  await consumer.run({ eachBatchAutoResolve: false, eachBatch });
  return eachBatch;
}
