import type { KafkaTopics } from '../../client.ts';

/**
 * Where the partitions of a topic begin: where the group has committed, or else where `from` says. An offset that the
 * topic does not have (trimmed since, or made anew under its name) gives way to the earliest one that it has.
 */
export async function startOffsets(
  topics: KafkaTopics,
  group: string | null,
  topic: string,
  from: 'earliest' | 'latest',
): Promise<readonly number[]> {
  // The offsets come first: an offset that is committed meanwhile would not be beyond an older end.
  const committed = group === null ? [] : await topics.committed(group, topic);
  const ranges = await topics.ranges(topic);
  return ranges.map(({ start, end }, partition) => {
    const offset = committed[partition] ?? null;
    if (offset === null) return from === 'earliest' ? start : end;
    return offset < start || offset > end ? start : offset;
  });
}
