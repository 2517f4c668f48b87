import type { Clock } from '../../core/clock.ts';
import type { LinkReader, LinkWriter } from '../../core/link.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { ScoredBatch } from '../../core/scored-batch.ts';
import type { ConsumerOptions, KafkaClient, KafkaConsumer, KafkaProducer } from '../../links/kafka/client.ts';
import { createBlockLinkReader } from '../../links/kafka/job/block-reader.ts';
import { createBlockWriter } from '../../links/kafka/job/block-writer.ts';
import { jobTopics } from '../../links/kafka/job/job-topics.ts';
import { rowsForm } from '../../links/kafka/job/rows-block.ts';
import { scoredForm } from '../../links/kafka/job/scored-block.ts';
import { readAlone } from '../../links/kafka/read-alone.ts';
import type { Announcement } from './announcements.ts';
import type { ClusterSettings } from './cluster.ts';

/** Bytes of one link that are on their way to the brokers, in all its partitions together. */
const LINK_BYTES = 48 * 1024 * 1024;
/** Bytes of blocks that a reader fetches ahead per partition. */
const AHEAD_BYTES = 1024 * 1024;

/** What all processes of a job know of its topics. */
type JobPlace = Pick<Announcement, 'name' | 'partitions' | 'epoch'>;

/** The links of one job on a cluster, as far as this process uses them. */
export class JobLinks implements AsyncDisposable {
  readonly #client: KafkaClient;
  readonly #settings: ClusterSettings;
  readonly #clock: Clock;
  readonly #open: AsyncDisposable[] = [];
  readonly job: string;
  readonly partitions: number;
  readonly #epoch: string;

  /** @param job where and since when the job is on the cluster. */
  constructor(client: KafkaClient, settings: ClusterSettings, clock: Clock, job: JobPlace) {
    this.#client = client;
    this.#settings = settings;
    this.#clock = clock;
    this.job = job.name;
    this.partitions = job.partitions;
    this.#epoch = job.epoch;
  }

  async rowsWriter(signal: AbortSignal): Promise<LinkWriter<RowBatch>> {
    const producer = await this.#producer(signal);
    return createBlockWriter({ ...this.#writing, producer, topic: jobTopics(this.job).rows, form: rowsForm });
  }

  async scoredWriter(signal: AbortSignal): Promise<LinkWriter<ScoredBatch>> {
    const producer = await this.#producer(signal);
    return createBlockWriter({ ...this.#writing, producer, topic: jobTopics(this.job).scored, form: scoredForm });
  }

  /** Shares the partitions with every other process that scores for the job; `leave` gives them up. */
  async rowsReader(
    signal: AbortSignal,
  ): Promise<{ readonly reader: LinkReader<RowBatch>; leave(): Promise<void>; readonly consumer: KafkaConsumer }> {
    const { rows, group } = jobTopics(this.job);
    const consumer = await this.#consumer(rows, group, signal);
    return {
      reader: createBlockLinkReader({ ...this.#reading, consumer, form: rowsForm }),
      consumer,
      leave: () => consumer.close(),
    };
  }

  /** All partitions: what is delivered already is known by the output's ledger alone. */
  async scoredReader(signal: AbortSignal): Promise<LinkReader<ScoredBatch>> {
    const consumer = await this.#consumer(jobTopics(this.job).scored, null, signal);
    return createBlockLinkReader({ ...this.#reading, consumer, form: scoredForm });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of this.#open.splice(0).toReversed()) await part[Symbol.asyncDispose]();
  }

  get #writing(): { readonly partitions: number; readonly partitionBytes: number; readonly epoch: string } {
    const { partitions } = this;
    return { partitions, partitionBytes: Math.floor(LINK_BYTES / partitions), epoch: this.#epoch };
  }

  get #reading(): { readonly partitions: number; readonly clock: Clock; readonly epoch: string } {
    return { partitions: this.partitions, clock: this.#clock, epoch: this.#epoch };
  }

  async #producer(signal: AbortSignal): Promise<KafkaProducer> {
    const producer = await this.#client.producer({ compression: this.#settings.compression }, signal);
    this.#open.push(producer);
    return producer;
  }

  async #consumer(topic: string, group: string | null, signal: AbortSignal): Promise<KafkaConsumer> {
    const reading = { topics: [topic], from: 'earliest', bufferBytes: AHEAD_BYTES } as const;
    const times = consumerTimes(this.#settings);
    const consumer = await (group === null
      ? readAlone(this.#client, reading, signal)
      : this.#client.consumer({ ...reading, ...times, group, readCommitted: false }, signal));
    this.#open.push(consumer);
    return consumer;
  }
}

type Times = Pick<ConsumerOptions, 'sessionTimeoutMs' | 'drainMs' | 'stuckMs'>;

/** How long a member may be silent, drain, or be stuck. */
export function consumerTimes({
  sessionSeconds,
  stuckSeconds,
}: Pick<ClusterSettings, 'sessionSeconds' | 'stuckSeconds'>): Times {
  // A drain that took a whole session would cost the membership.
  return { sessionTimeoutMs: 1000 * sessionSeconds, drainMs: 600 * sessionSeconds, stuckMs: 1000 * stuckSeconds };
}
