import type { Producer, Transaction } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaClient } from '../../../src/links/kafka/client.ts';
import { plainKafka } from '../../support/plain-kafka.ts';
import {
  Assignments,
  type CreateKafkaClient,
  consumerOptions,
  freshName,
  freshTopic,
  plainConnection,
  texts,
} from './client-harness.ts';

/** What every adapter must see of the transactions of others, whose producers have nothing of Sluice. */
export function describeAborts(name: string, create: CreateKafkaClient, brokers: () => readonly string[]): void {
  describe(`${name}: transactions of others`, () => {
    let client: KafkaClient;
    const signal = (): AbortSignal => AbortSignal.timeout(50_000);

    beforeAll(() => {
      client = create(plainConnection(brokers()));
    });
    afterAll(() => client.close());

    test('records of aborted transactions of several producers in one partition are left out, wherever reading begins', async () => {
      const topic = await freshTopic(client, 1);
      const foreign = plainKafka(brokers());
      const open = async (): Promise<Producer> => {
        const producer = foreign.producer({
          transactionalId: freshName('id'),
          maxInFlightRequests: 1,
          idempotent: true,
        });
        await producer.connect();
        return producer;
      };
      const [outer, inner, other] = [await open(), await open(), await open()];
      const send = (transaction: Transaction, value: string): Promise<unknown> =>
        // A key of four zero bytes looks like the mark of an abort.
        transaction.send({ topic, messages: [{ partition: 0, key: Buffer.alloc(4), value }] });
      // The inner ones end first: a broker tells of aborted transactions in the order of their ends.
      for (let round = 0; round < 3; round += 1) {
        const around = await outer.transaction();
        await send(around, 'aborted around');
        const within = await inner.transaction();
        await send(within, 'aborted within');
        await send(around, 'aborted around');
        await within.abort();
        const good = await other.transaction();
        await send(good, `committed ${round}`);
        await send(around, 'aborted around');
        await good.commit();
        await send(around, 'aborted around');
        await around.abort();
      }
      for (const producer of [outer, inner, other]) await producer.disconnect();
      const [{ end } = { end: 0 }] = await client.topics.ranges(topic);
      const seen: string[][] = [];
      for (let start = 0; start < end; start += 1) {
        await using consumer = await client.consumer(consumerOptions([topic], null), signal());
        await using partition = await new Assignments(consumer, signal()).next();
        if (start > 0) partition.seek(start);
        const found: string[] = [];
        while (partition.position < end) found.push(...texts(await partition.poll(1 << 20, signal(), 200)));
        seen.push(found);
      }
      const committed = ['committed 0', 'committed 1', 'committed 2'];
      expect(seen[0]).toEqual(committed);
      for (const found of seen) expect(committed.slice(committed.length - found.length)).toEqual(found);
    });
  });
}
