import type { ConsumerOptions, TopicPartition } from '../../client.ts';
import { committedOffsets } from './committed-offsets.ts';
import { type ConsumerWire, earliest, latest } from './consumer-wire.ts';
import { listOffsets } from './list-offsets.ts';

/** The topics of a consumer with their numbers of partitions. KAFKA_TOPIC_MISSING when one that was named is not there. */
export async function subscribedTopics(
  wire: ConsumerWire,
  wanted: readonly string[] | RegExp,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  if (wanted instanceof RegExp) {
    const found = await wire.attempts.run('listing topics', signal, () => wire.allLeaders());
    // A pattern with a memory (flags g or y) would skip every other name.
    const pattern = new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, ''));
    return new Map(
      [...found]
        .filter(([name]) => !name.startsWith('__') && pattern.test(name))
        .map(([name, leaders]) => [name, leaders.length]),
    );
  }
  const topics = new Map<string, number>();
  for (const name of wanted) {
    const leaders = await wire.attempts.run(`looking up topic ${name}`, signal, () => wire.leaders(name));
    topics.set(name, leaders.length);
  }
  return topics;
}

/** Where reading of each partition begins. */
export async function startOffsets(
  wire: ConsumerWire,
  assigned: readonly TopicPartition[],
  options: Pick<ConsumerOptions, 'group' | 'from' | 'readCommitted'>,
  signal: AbortSignal,
): Promise<readonly (TopicPartition & { readonly start: number })[]> {
  const byTopic = [...Map.groupBy(assigned, (one) => one.topic)];
  const found = byTopic.map(async ([topic, parts]) => {
    const partitions = parts.map((part) => part.partition);
    const [committed, starts, highest, ends] = await Promise.all([
      options.group === null ? [] : committedOffsets(wire.offsets(options.group, topic, signal), partitions, signal),
      listOffsets(wire, topic, partitions, earliest, false, signal),
      listOffsets(wire, topic, partitions, latest, false, signal),
      listOffsets(wire, topic, partitions, latest, options.readCommitted, signal),
    ]);
    return partitions.map((partition, index) => {
      const [offset, first, last] = [committed[index] ?? null, starts[index] ?? 0, highest[index] ?? 0];
      const fresh = options.from === 'earliest' ? first : (ends[index] ?? last);
      // What was committed may have been deleted since, or belong to a former topic of this name.
      const start = offset === null ? fresh : offset < first || offset > last ? first : offset;
      return { topic, partition, start };
    });
  });
  return (await Promise.all(found)).flat();
}
