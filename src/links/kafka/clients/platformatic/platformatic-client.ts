import type { Clock } from '../../../../core/clock.ts';
import type {
  ConsumerOptions,
  KafkaClient,
  KafkaCompression,
  KafkaConsumer,
  KafkaProducer,
  KafkaTopics,
  ProducerOptions,
  TransactionalOptions,
  TransactionalProducer,
} from '../../client.ts';
import type { KafkaConnection } from '../../settings.ts';
import { type BatchCodec, batchCodec } from '../protocol/batch-codec.ts';
import { FetchingConsumer } from '../protocol/consumer.ts';
import { IdempotentProducer } from '../protocol/producer.ts';
import { TransactionWriter } from '../protocol/transactional-producer.ts';
import { Cluster } from './cluster.ts';
import { PlatformaticConsumerWire } from './consumer-wire.ts';
import type { Library } from './library.ts';
import { PlatformaticWire } from './producer-wire.ts';
import { createTopics } from './topics.ts';

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
    const producer: IdempotentProducer = new IdempotentProducer(
      new PlatformaticWire(this.#cluster),
      this.#codec(options.compression),
      () => this.#cluster.users.delete(producer),
    );
    return await this.#begin(producer, producer.connect(signal));
  }

  async transactionalProducer(options: TransactionalOptions, signal: AbortSignal): Promise<TransactionalProducer> {
    const producer: TransactionWriter = new TransactionWriter(
      new PlatformaticWire(this.#cluster),
      this.#codec(options.compression),
      options,
      () => this.#cluster.users.delete(producer),
    );
    return await this.#begin(producer, producer.connect(signal));
  }

  async consumer(options: ConsumerOptions, signal: AbortSignal): Promise<KafkaConsumer> {
    const consumer: FetchingConsumer = new FetchingConsumer(
      new PlatformaticConsumerWire(this.#cluster, options.sessionTimeoutMs),
      options,
      () => this.#cluster.users.delete(consumer),
    );
    return await this.#begin(consumer, consumer.start(signal));
  }

  async close(): Promise<void> {
    await this.#cluster.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #codec(compression: KafkaCompression): BatchCodec {
    const { compressionsAlgorithms, crc32c } = this.#cluster.library;
    const { snappy, lz4 } = compressionsAlgorithms;
    return batchCodec(compression, {
      snappy: async (bytes) => snappy.compressSync(bytes),
      lz4: async (bytes) => lz4.compressSync(bytes),
      crc32c,
    });
  }

  async #begin<T extends AsyncDisposable>(one: T, connected: Promise<void>): Promise<T> {
    this.#cluster.users.add(one);
    try {
      await connected;
      return one;
    } catch (error) {
      await one[Symbol.asyncDispose]();
      throw error;
    }
  }
}
