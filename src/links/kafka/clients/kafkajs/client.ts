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
import { FetchingConsumer } from '../protocol/consumer.ts';
import { IdempotentProducer } from '../protocol/producer.ts';
import { TransactionWriter } from '../protocol/transactional-producer.ts';
import { until } from '../protocol/until.ts';
import { Brokers } from './brokers.ts';
import { writingCodec } from './codecs.ts';
import { openKafkajs } from './connection.ts';
import { KafkajsConsumerWire } from './consumer-wire.ts';
import { KafkajsWire } from './producer-wire.ts';
import { Sockets } from './sockets.ts';
import { KafkajsTopics } from './topics.ts';

/** What the adapter takes from outside. */
export interface KafkajsPorts {
  readonly clock?: Clock;
}

/**
 * The port on kafkajs 2.2: pure JavaScript, runs everywhere. Its administration, its connections and most of its requests are used; its
 * producers and consumers are not. A producer of its own copies every record of a call as often as it has records, cannot go on after a failed
 * transaction, and loses count of what is written when a request fails; a consumer makes an object of every record twice, shows records of
 * aborted transactions, and gives no holder of a partition time to finish. Needs Kafka 2.8 or later.
 */
export function createKafkajsClient(connection: KafkaConnection, ports: KafkajsPorts = {}): KafkaClient {
  const clock = ports.clock ?? systemClock;
  const { retryMs } = connection;
  const sockets = new Sockets();
  const brokers = new Brokers(connection, clock);
  const pace = { firstMs: 50, longestMs: 200, totalMs: 300 };
  const open = () => openKafkajs(connection, pace, () => undefined, sockets).admin();
  const topics = new KafkajsTopics({ open, brokers, clock, retryMs });
  /** What is closed with the client. */
  const held = new Set<AsyncDisposable>();

  const begin = async <T extends AsyncDisposable>(
    one: T,
    connected: Promise<void>,
    signal: AbortSignal,
  ): Promise<T> => {
    held.add(one);
    try {
      await until(signal, connected);
      return one;
    } catch (error) {
      await one[Symbol.asyncDispose]();
      throw error;
    }
  };
  const wire = () => new KafkajsWire(new Brokers(connection, clock));

  return {
    topics,
    producer({ compression }: ProducerOptions, signal): Promise<KafkaProducer> {
      const closed = (): unknown => held.delete(producer);
      const producer: IdempotentProducer = new IdempotentProducer(wire(), writingCodec(compression), closed);
      return begin(producer, producer.connect(signal), signal);
    },
    transactionalProducer(options: TransactionalOptions, signal): Promise<TransactionalProducer> {
      const closed = (): unknown => held.delete(producer);
      const codec = writingCodec(options.compression);
      const producer: TransactionWriter = new TransactionWriter(wire(), codec, options, closed);
      return begin(producer, producer.connect(signal), signal);
    },
    consumer(options: ConsumerOptions, signal): Promise<KafkaConsumer> {
      const closed = (): unknown => held.delete(consumer);
      const own = new Brokers(connection, clock, Math.max(5_000, options.sessionTimeoutMs));
      const consumer: FetchingConsumer = new FetchingConsumer(
        new KafkajsConsumerWire(own, connection),
        options,
        closed,
      );
      return begin(consumer, consumer.start(signal), signal);
    },
    async close(): Promise<void> {
      await Promise.all([...held].map((each) => each[Symbol.asyncDispose]()));
      await Promise.all([topics.close(), brokers.close()]);
      sockets.close();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await this.close();
    },
  };
}
