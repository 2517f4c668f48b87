import { SluiceError } from '../../../src/core/error.ts';
import type {
  ConsumerOptions,
  KafkaClient,
  KafkaConsumer,
  KafkaProducer,
  KafkaTopics,
  TransactionalOptions,
  TransactionalProducer,
} from '../../../src/links/kafka/client.ts';
import type { Cluster } from './cluster.ts';
import { MemoryConsumer } from './memory-consumer.ts';
import type { MemoryProcess } from './memory-process.ts';
import { MemoryProducer } from './memory-producer.ts';
import { createMemoryTopics } from './memory-topics.ts';
import { MemoryTransactionalProducer } from './memory-transactional-producer.ts';

/** One process's connection to the memory cluster. */
export class MemoryClient implements KafkaClient {
  readonly topics: KafkaTopics;
  readonly process: MemoryProcess;
  readonly #cluster: Cluster;
  readonly #consumers = new Set<MemoryConsumer>();
  readonly #producers = new Set<MemoryProducer | MemoryTransactionalProducer>();
  #closed = false;

  constructor(cluster: Cluster, process: MemoryProcess) {
    this.#cluster = cluster;
    this.process = process;
    this.topics = createMemoryTopics(cluster, process);
  }

  async producer(_options: unknown, signal: AbortSignal): Promise<KafkaProducer> {
    await this.#connect('producer', signal);
    const producer = new MemoryProducer(this.#cluster, this.process);
    this.#producers.add(producer);
    return producer;
  }

  async transactionalProducer(options: TransactionalOptions, signal: AbortSignal): Promise<TransactionalProducer> {
    await this.#connect('transactionalProducer', signal);
    const epoch = await this.#cluster.transactions.fence(options.transactionalId, options.timeoutMs);
    await this.process.step();
    const producer = new MemoryTransactionalProducer(this.#cluster, this.process, epoch);
    this.#producers.add(producer);
    return producer;
  }

  async consumer(options: ConsumerOptions, signal: AbortSignal): Promise<KafkaConsumer> {
    await this.#connect('consumer', signal);
    const consumer = new MemoryConsumer(this.#cluster, this.process, options);
    consumer.join();
    this.#consumers.add(consumer);
    if (this.process.silent) consumer.silent();
    return consumer;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#consumers, ...this.#producers].map((each) => each.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** See MemoryKafka. */
  crash(): void {
    if (this.process.dead.aborted) return;
    this.process.kill(new SluiceError('KAFKA_FAULT', `the process ${this.process.name} was killed`));
    this.#silent();
  }

  freeze(): void {
    if (this.process.dead.aborted || this.process.frozen) return;
    this.process.frozen = true;
    this.process.freezes += 1;
    this.#silent();
  }

  thaw(): void {
    if (this.process.dead.aborted || !this.process.frozen) return;
    this.process.frozen = false;
    for (const consumer of this.#consumers) consumer.awake();
    this.#cluster.steps.wake();
  }

  #silent(): void {
    for (const consumer of this.#consumers) consumer.silent();
    this.#cluster.transactions.expire(this.process);
  }

  async #connect(operation: 'producer' | 'transactionalProducer' | 'consumer', signal: AbortSignal): Promise<void> {
    if (this.#closed) throw new SluiceError('KAFKA_FAULT', 'the client is closed');
    signal.throwIfAborted();
    await this.process.step();
    signal.throwIfAborted();
    this.#cluster.faults.check(operation, this.process);
  }
}
