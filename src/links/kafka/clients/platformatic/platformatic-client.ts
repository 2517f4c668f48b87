import type { Clock } from '../../../../core/clock.ts';
import type {
  ConsumerOptions,
  KafkaClient,
  KafkaConsumer,
  KafkaProducer,
  KafkaTopics,
  ProducerOptions,
  TransactionalOptions,
  TransactionalProducer,
} from '../../client.ts';
import type { KafkaConnection } from '../../settings.ts';
import { batchCodec } from './batch-codec.ts';
import { Cluster } from './cluster.ts';
import { PlatformaticConsumer } from './consumer.ts';
import type { Library } from './library.ts';
import { IdempotentProducer } from './producer.ts';
import { createTopics } from './topics.ts';
import { PlatformaticTransactions } from './transactional-producer.ts';

/**
 * The port over the connections, request formats and codecs of @platformatic/kafka. Producers, transactions and group membership are
 * written here, on Kafka's protocol, as the library's own cannot drain before a rebalance, pause a partition, or take up a
 * transactional id again. Requests are of versions that Kafka 2.8 and everything later has.
 */
export class PlatformaticClient implements KafkaClient {
  readonly topics: KafkaTopics;
  readonly #cluster: Cluster;

  constructor(library: Library, connection: KafkaConnection, clock: Clock) {
    this.#cluster = new Cluster(library, connection, clock);
    this.topics = createTopics(this.#cluster);
  }

  async producer(options: ProducerOptions, signal: AbortSignal): Promise<KafkaProducer> {
    const codec = batchCodec(this.#cluster.library, options.compression);
    const producer = new IdempotentProducer(this.#cluster, codec);
    return await this.#begin(producer, producer.connect(signal));
  }

  async transactionalProducer(options: TransactionalOptions, signal: AbortSignal): Promise<TransactionalProducer> {
    const codec = batchCodec(this.#cluster.library, options.compression);
    const producer = new PlatformaticTransactions(this.#cluster, codec, options);
    return await this.#begin(producer, producer.connect(signal));
  }

  async consumer(options: ConsumerOptions, signal: AbortSignal): Promise<KafkaConsumer> {
    const consumer = new PlatformaticConsumer(this.#cluster, options);
    return await this.#begin(consumer, consumer.start(signal));
  }

  async close(): Promise<void> {
    await this.#cluster.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin<T extends AsyncDisposable>(one: T, connected: Promise<void>): Promise<T> {
    try {
      await connected;
      return one;
    } catch (error) {
      await one[Symbol.asyncDispose]();
      throw error;
    }
  }
}
