import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startModelServer } from '../../src/model-server/index.ts';
import { plainKafka } from '../support/plain-kafka.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { scoreTopic } from './examples/each-batch.ts';

const root = join(import.meta.dirname, '../..');

needs('kafka')('scoring in a consumer of the user', () => {
  test('the example scores each message once, in order, with its key and headers', async () => {
    const { brokers } = await kafkaService();
    const server = await startModelServer({ models: join(root, 'models'), host: '127.0.0.1', port: 0 });
    const kafka = plainKafka(brokers);
    const topic = `each-batch-${process.pid}`;
    const [admin, producer] = [kafka.admin(), kafka.producer({ idempotent: true, maxInFlightRequests: 1 })];
    const [consumer, judge] = ['in', 'out'].map((name) =>
      kafka.consumer({ groupId: `${topic}-${name}`, maxWaitTimeInMs: 100 }),
    );
    try {
      await Promise.all([admin.connect(), producer.connect(), consumer!.connect(), judge!.connect()]);
      await admin.createTopics({
        topics: [topic, `${topic}.scored`].map((name) => ({ topic: name, numPartitions: 2 })),
        waitForLeaders: true,
      });
      const [header, ...lines] = readFileSync(join(root, 'config/examples/flights.csv'), 'utf8').trimEnd().split('\n');
      const names = header!.split(',');
      const messages = Array.from({ length: 500 }, (_, i) => {
        const cells = lines[i % lines.length]!.split(',');
        const row = Object.fromEntries(names.map((name, at) => [name, cells[at]]));
        const value = i === 77 ? 'no row' : JSON.stringify({ ...row, flight_id: String(i) });
        return { key: `k${i}`, value, headers: { trace: `t${i}` }, partition: i % 2 };
      });
      await producer.send({ topic, messages });
      await consumer!.subscribe({ topic, fromBeginning: true });
      await judge!.subscribe({ topic: `${topic}.scored`, fromBeginning: true });
      const seen: { readonly partition: number; readonly id: number; readonly key: string; readonly trace: string }[] =
        [];
      const { promise: all, resolve } = Promise.withResolvers<void>();
      await judge!.run({
        eachMessage: async ({ partition, message }) => {
          const row = JSON.parse(message.value!.toString()) as { flight_id: string; delay_PREDICTION: number };
          expect(row.delay_PREDICTION).toEqual(expect.any(Number));
          const trace = String(message.headers?.['trace']);
          seen.push({ partition, id: Number(row.flight_id), key: String(message.key), trace });
          if (seen.length === 499) resolve();
        },
      });
      await using _ = await scoreTopic(server.url, consumer!, producer);
      await all;
      await consumer!.stop();
      const good = Array.from({ length: 500 }, (_row, id) => id).filter((id) => id !== 77);
      for (const partition of [0, 1]) {
        const expected = good.filter((id) => id % 2 === partition);
        expect(seen.filter((row) => row.partition === partition)).toEqual(
          expected.map((id) => ({ partition, id, key: `k${id}`, trace: `t${id}` })),
        );
      }
    } finally {
      await Promise.all([consumer, judge, producer, admin].map((each) => each!.disconnect()));
      await server.close();
    }
  });
});
