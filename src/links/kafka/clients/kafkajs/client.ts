import { randomUUID } from 'node:crypto';
import type { Kafka, Producer } from 'kafkajs';
import { type Clock, systemClock } from '../../../../core/clock.ts';
import type {
  ConsumerOptions,
  KafkaClient,
  KafkaConsumer,
  KafkaProducer,
  ProducerOptions,
  TransactionalOptions,
  TransactionalProducer,
} from '../../client.ts';
import type { KafkaConnection } from '../../settings.ts';
import { openKafkajs, type RetryPace } from './connection.ts';
import { KafkajsConsumer } from './consumer.ts';
import { PartitionCheck } from './partition-check.ts';
import { KafkajsProducer } from './producer.ts';
import { Sockets } from './sockets.ts';
import { KafkajsTopics } from './topics.ts';
import { KafkajsTransactionalProducer } from './transactional-producer.ts';

/** What the adapter takes from outside. */
export interface KafkajsPorts {
  readonly clock?: Clock;
}

const silent = (): void => undefined;

/** The port on kafkajs 2.2: pure JavaScript, runs everywhere. */
export function createKafkajsClient(connection: KafkaConnection, ports: KafkajsPorts = {}): KafkaClient {
  const clock = ports.clock ?? systemClock;
  const { retryMs } = connection;
  // With kafkajs's own 100 ms a transaction takes 80 ms: the one before it is not quite ended.
  const pace: RetryPace = { firstMs: 5, longestMs: 1_000, totalMs: retryMs };
  const sockets = new Sockets();
  const open = (pace: RetryPace): Kafka => openKafkajs(connection, pace, silent, sockets);
  const topics = new KafkajsTopics({
    open: () => open({ firstMs: 50, longestMs: 200, totalMs: 300 }).admin(),
    clock,
    retryMs,
  });
  /** What is closed with the client. */
  const held = new Set<{ close(): Promise<void> }>();

  const check = (): PartitionCheck => new PartitionCheck((topic) => topics.partitions(topic));
  const openProducer = (settings: Parameters<Kafka['producer']>[0]): Producer =>
    open(pace).producer({
      ...settings,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!,
    });

  return {
    topics,
    async producer({ compression }: ProducerOptions, signal): Promise<KafkaProducer> {
      const producer: KafkajsProducer = new KafkajsProducer({
        open: () => openProducer({}),
        check: check(),
        compression,
        closed: () => held.delete(producer),
      });
      await producer.connect(signal);
      held.add(producer);
      return producer;
    },
    async transactionalProducer(options: TransactionalOptions, signal): Promise<TransactionalProducer> {
      const { transactionalId, timeoutMs, compression } = options;
      const producer: KafkajsTransactionalProducer = new KafkajsTransactionalProducer({
        open: () => openProducer({ transactionalId, transactionTimeout: timeoutMs }),
        check: check(),
        transactionalId,
        compression,
        clock,
        retryMs,
        closed: () => held.delete(producer),
      });
      await producer.connect(signal);
      held.add(producer);
      return producer;
    },
    async consumer(options: ConsumerOptions, signal): Promise<KafkaConsumer> {
      const group = options.group ?? `${connection.clientId}-reader-${randomUUID()}`;
      const closed = (): unknown => held.delete(consumer);
      const consumer: KafkajsConsumer = new KafkajsConsumer({ connection, topics, clock, options, group }, closed);
      await consumer.connect(signal);
      held.add(consumer);
      return consumer;
    },
    async close(): Promise<void> {
      await Promise.all([...held].map((each) => each.close()));
      held.clear();
      await topics.close();
      sockets.close();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await this.close();
    },
  };
}
