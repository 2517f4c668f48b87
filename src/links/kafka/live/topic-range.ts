import { SluiceError } from '../../../core/error.ts';
import type { KafkaTopics } from '../client.ts';

/** Offsets by topic and partition. */
export interface PartitionOffsets {
  readonly [topic: string]: { readonly [partition: number]: number };
}

/** Where reading begins. A partition that `offsets` does not name begins at its earliest offset; a timestamp is in ms since 1970. */
export type TopicStart =
  | 'earliest'
  | 'latest'
  | { readonly offsets: PartitionOffsets }
  | { readonly timestamp: number };

/**
 * Where reading ends, exclusively: at the ends as they are now, at offsets (a partition that is not named: at its end as it is
 * now), or before the first message whose timestamp is at least so many ms since 1970.
 */
export type TopicEnd = 'end' | { readonly offsets: PartitionOffsets } | { readonly timestamp: number };

/** Offsets of one partition that are read: from `from` until before `until`. JSON. */
export interface PartitionRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly until: number;
}

/** The first offset to be read of each partition of a topic, in order. KAFKA_TOPIC_MISSING when there is no such topic. */
export async function startOffsets(topics: KafkaTopics, topic: string, from: TopicStart): Promise<readonly number[]> {
  await assertTopic(topics, topic);
  if (typeof from === 'object' && 'timestamp' in from) return topics.offsetsAt(topic, from.timestamp);
  const ranges = await topics.ranges(topic);
  if (from === 'latest') return ranges.map(({ end }) => end);
  if (from === 'earliest') return ranges.map(({ start }) => start);
  // Behind its end a partition cannot be entered; a client would begin at its start.
  return ranges.map(({ start, end }, partition) => Math.min(from.offsets[topic]?.[partition] ?? start, end));
}

/** The offset before which reading ends, for each partition of a topic, in order. */
export async function endOffsets(topics: KafkaTopics, topic: string, until: TopicEnd): Promise<readonly number[]> {
  await assertTopic(topics, topic);
  if (typeof until === 'object' && 'timestamp' in until) return topics.offsetsAt(topic, until.timestamp);
  const ranges = await topics.ranges(topic);
  if (until === 'end') return ranges.map(({ end }) => end);
  return ranges.map(({ end }, partition) => until.offsets[topic]?.[partition] ?? end);
}

/** What a bounded read of topics is, as things are now; a job that keeps it can be continued over the very same messages. */
export async function topicRanges(
  topics: KafkaTopics,
  names: readonly string[],
  from: TopicStart,
  until: TopicEnd,
): Promise<readonly PartitionRange[]> {
  const ranges: PartitionRange[] = [];
  for (const topic of names) {
    const [starts, ends] = [await startOffsets(topics, topic, from), await endOffsets(topics, topic, until)];
    for (const [partition, start] of starts.entries())
      ranges.push({ topic, partition, from: start, until: Math.max(start, ends[partition] ?? start) });
  }
  return ranges;
}

async function assertTopic(topics: KafkaTopics, topic: string): Promise<void> {
  if ((await topics.partitions(topic)) !== null) return;
  throw new SluiceError('KAFKA_TOPIC_MISSING', `there is no topic ${topic}; create it, or correct its name`);
}
