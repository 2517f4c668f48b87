import type { CommittedPorts } from '../protocol/committed-offsets.ts';
import { faultOf } from './broker-fault.ts';
import type { Cluster } from './cluster.ts';

/** Reads the offsets that a group has committed for a topic. */
export function groupOffsets(cluster: Cluster, group: string, topic: string, signal: AbortSignal): CommittedPorts {
  return {
    clock: cluster.clock,
    read: (partitions, stable) =>
      cluster.attempts.run(`reading the offsets of group ${group}`, signal, () =>
        readOffsets(cluster, group, topic, partitions, stable),
      ),
  };
}

async function readOffsets(
  cluster: Cluster,
  group: string,
  topic: string,
  partitions: readonly number[],
  stable: boolean,
): Promise<ReadonlyMap<number, number>> {
  const connection = await cluster.coordinator('group', group, cluster.control);
  const topics = [{ name: topic, partitionIndexes: [...partitions] }];
  const { api } = cluster.library.offsetFetchV7;
  type Reply = Awaited<ReturnType<typeof api.async>>;
  const reply = await api.async(connection, [{ groupId: group, topics }], stable).catch((error: unknown) => {
    const { response } = error as { response?: Reply };
    // One open transaction makes an error of the whole answer, which holds all others.
    if (faultOf(error).name !== 'UNSTABLE_OFFSET_COMMIT' || response === undefined) throw error;
    return response;
  });
  const found = new Map<number, number>();
  for (const one of reply.topics[0]?.partitions ?? []) {
    if (one.errorCode === 0) found.set(one.partitionIndex, Number(one.committedOffset));
  }
  return found;
}
