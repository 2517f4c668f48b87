import type { ConsumerWire } from './consumer-wire.ts';

/**
 * One offset for each of `partitions`, in their order; -1 where no record is as late as the timestamp.
 * @param timestamp ms since 1970, or `earliest` or `latest`.
 */
export async function listOffsets(
  wire: Pick<ConsumerWire, 'attempts' | 'leader' | 'listOffsets'>,
  topic: string,
  partitions: readonly number[],
  timestamp: number,
  committed: boolean,
  signal: AbortSignal,
): Promise<readonly number[]> {
  return await wire.attempts.run(`looking up offsets of topic ${topic}`, signal, async () => {
    const leaders = new Map<number, number[]>();
    for (const partition of partitions) {
      const leader = await wire.leader(topic, partition);
      leaders.set(leader, [...(leaders.get(leader) ?? []), partition]);
    }
    const found = await Promise.all(
      [...leaders].map(([leader, led]) => wire.listOffsets(leader, topic, led, timestamp, committed)),
    );
    const offsets = new Map(found.flatMap((some) => [...some]));
    return partitions.map((partition) => offsets.get(partition) ?? -1);
  });
}
