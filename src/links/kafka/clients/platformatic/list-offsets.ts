import type { Cluster } from './cluster.ts';

/** Asks one broker for offsets, version 6 (https://kafka.apache.org/protocol#The_Messages_ListOffsets). */
export async function requestOffsets(
  cluster: Cluster,
  leader: number,
  topic: string,
  partitions: readonly number[],
  timestamp: number,
  committed: boolean,
): Promise<ReadonlyMap<number, number>> {
  const { READ_COMMITTED, READ_UNCOMMITTED } = cluster.library.FetchIsolationLevels;
  const asked = partitions.map((partitionIndex) => ({
    partitionIndex,
    currentLeaderEpoch: -1,
    timestamp: BigInt(timestamp),
  }));
  const connection = await cluster.node(leader, cluster.control);
  const isolation = committed ? READ_COMMITTED : READ_UNCOMMITTED;
  const { api } = cluster.library.listOffsetsV6;
  const reply = await api.async(connection, -1, isolation, [{ name: topic, partitions: asked }]);
  const found = reply.topics[0]?.partitions ?? [];
  return new Map(found.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]));
}
