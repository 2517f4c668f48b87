import type { Cluster } from './cluster.ts';

/** Kafka's names for the first and the next offset. */
export const earliest = -2;
/** The end of what is read: the last stable offset where only committed records are. */
export const latest = -1;

/**
 * One offset for each of `partitions`, in their order; -1 where no record is as late as the timestamp.
 * @param timestamp ms since 1970, or `earliest` or `latest`.
 */
export async function listOffsets(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
  timestamp: number,
  committed: boolean,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const { READ_COMMITTED, READ_UNCOMMITTED } = cluster.library.FetchIsolationLevels;
  return await cluster.attempts.run(`looking up offsets of topic ${topic}`, signal, async () => {
    const leaders = new Map<number, number[]>();
    for (const partition of partitions) {
      const leader = await cluster.leader(topic, partition);
      leaders.set(leader, [...(leaders.get(leader) ?? []), partition]);
    }
    const offsets = new Map<number, number>();
    const { api } = cluster.library.listOffsetsV6;
    await Promise.all(
      [...leaders].map(async ([leader, led]) => {
        const asked = led.map((partitionIndex) => ({
          partitionIndex,
          currentLeaderEpoch: -1,
          timestamp: BigInt(timestamp),
        }));
        const connection = await cluster.node(leader, cluster.control);
        const isolation = committed ? READ_COMMITTED : READ_UNCOMMITTED;
        const reply = await api.async(connection, -1, isolation, [{ name: topic, partitions: asked }]);
        for (const found of reply.topics[0]?.partitions ?? []) offsets.set(found.partitionIndex, Number(found.offset));
      }),
    );
    return partitions.map((partition) => offsets.get(partition) ?? -1);
  });
}
