import type { LinkWriter } from '../../core/link.ts';
import type { ScoredBatch } from '../../core/scored-batch.ts';
import type { TopicPartition } from '../../links/kafka/client.ts';
import type { PartitionNumbers } from '../../links/kafka/live/topic-partition-numbers.ts';
import { createTopicReader, type TopicReader, type TopicReaderOptions } from '../../links/kafka/live/topic-reader.ts';
import { createPlainWriter } from '../../links/kafka/live/writer-at-least-once.ts';
import {
  createTransactionalWriter,
  type TransactionalWriterOptions,
} from '../../links/kafka/live/writer-exactly-once.ts';
import { BatchSizing } from '../batch-sizing.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { deadLetterTopicOf } from '../description/topic-names.ts';
import { batchRowsOf } from '../explanations/occlusion-of.ts';
import { clusterOf } from '../kafka/cluster.ts';
import { consumerTimes } from '../kafka/job-links.ts';
import { ensureDeadLetterTopic, messageWriter, type TopicOutput } from '../kafka/open-topics.ts';
import type { ProgressTracker } from '../progress-tracker.ts';
import { type LiveRun, splitOf, type WriterEvents } from './score-topics.ts';

/** What is read, and how it is told what was. */
type Reading = Pick<TopicReaderOptions, 'group' | 'start' | 'until' | 'messages' | 'commitOffsets' | 'admit'> &
  Pick<TopicReaderOptions['consumer'], 'topics' | 'readCommitted'>;

/** What is written for a row, and where its input stands. */
type Writing = Pick<
  TransactionalWriterOptions,
  'group' | 'transactionalIdPrefix' | 'mapping' | 'partitioning' | 'keepFailed' | 'letterRecord' | 'sourceOf'
>;

/** Bytes of messages that are fetched ahead per partition. More were no faster, and a message of 80 bytes takes 300 in memory. */
const BUFFER_BYTES = 1024 * 1024;

/** Reads topics in the micro-batches that a job asks for. */
export function openTopicReader(
  { job, cluster, clock, tracker }: LiveRun,
  numbers: PartitionNumbers,
  { topics, readCommitted, ...reading }: Reading,
): TopicReader {
  return createTopicReader({
    ...reading,
    client: cluster,
    consumer: { ...consumerTimes(clusterOf(job)), topics, readCommitted, bufferBytes: BUFFER_BYTES },
    limits: new BatchSizing({ ...job, chunkRows: batchRowsOf(job) }),
    numbers,
    clock,
    onWait: (place, reason) => sayWait(tracker, place, reason),
  });
}

/** Writes to the output topic of a job, with the guarantee that it asks for; makes the topic of its dead letters. */
export async function openTopicWriter(
  { job, cluster, clock, tracker }: LiveRun,
  output: TopicOutput,
  numbers: PartitionNumbers,
  { onDurable, onFailure }: WriterEvents,
  writing: Writing,
): Promise<LinkWriter<ScoredBatch> & AsyncDisposable> {
  const { compression, replicationFactor } = clusterOf(job);
  await ensureDeadLetterTopic(cluster, output, replicationFactor);
  const nameOf = (partition: number): string => splitOf(numbers.partitionOf(partition));
  const options: TransactionalWriterOptions = {
    ...writing,
    client: cluster,
    topic: output.topic,
    deadLetterTopic: deadLetterTopicOf(output),
    inputOf: (partition) => numbers.partitionOf(partition),
    messages: messageWriter(output, clock),
    compression,
    clock,
    onDurable: (partition, offset) => onDurable(nameOf(partition), offset),
    onFailure: (partition, error) => onFailure(nameOf(partition), error),
    onWait: (partition, error) => sayWait(tracker, numbers.partitionOf(partition), error?.message ?? null),
  };
  return isTransactional(job) ? createTransactionalWriter(options) : createPlainWriter(options);
}

/** Whether the transactions of the output hold the offsets of the input. */
export function isTransactional({ outputSettings: output }: JobDescription): boolean {
  return output.type === 'kafka' && output.delivery === 'exactlyOnce';
}

function sayWait(tracker: ProgressTracker, place: TopicPartition, reason: string | null): void {
  if (tracker.state === 'draining') return;
  tracker.enter('running', reason === null ? '' : `${splitOf(place)} waits: ${reason}`);
}
