import { faultOf } from './broker-fault.ts';
import type { Cluster } from './cluster.ts';

/** Milliseconds for which the end of an open transaction is waited for. */
const openTransactionMs = 2_000;

/**
 * The offsets that a group has committed: one for each of `partitions`, in their order, null where there is none. A transaction that was
 * just committed is waited for: the broker answers its producer before the offsets are there. One that stays open (its
 * producer has died) is not: whoever takes over its transactional id ends it, and reads the offsets again.
 */
export async function committedOffsets(
  cluster: Cluster,
  group: string,
  topic: string,
  partitions: readonly number[],
  signal: AbortSignal,
): Promise<readonly (number | null)[]> {
  const { clock } = cluster;
  const deadline = clock.now() + openTransactionMs;
  const found = new Map<number, number>();
  for (let open = partitions; open.length > 0; ) {
    const stable = clock.now() < deadline;
    const read = await cluster.attempt(`reading the offsets of group ${group}`, signal, () =>
      readOffsets(cluster, group, topic, open, stable),
    );
    for (const [partition, offset] of read) found.set(partition, offset);
    open = stable ? open.filter((partition) => !read.has(partition)) : [];
    if (open.length > 0) await clock.sleep(10, signal);
  }
  return partitions.map((partition) => {
    const offset = found.get(partition) ?? -1;
    return offset < 0 ? null : offset;
  });
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
