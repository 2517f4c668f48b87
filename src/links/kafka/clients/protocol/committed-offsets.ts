import type { Clock } from '../../../../core/clock.ts';

/** What committed offsets are read by. */
export interface CommittedPorts {
  readonly clock: Clock;
  /**
   * The offsets of partitions, by partition; negative where none is committed.
   * @param stable leaves out a partition whose offset an open transaction may still change (KIP-447's `require_stable`).
   */
  readonly read: (partitions: readonly number[], stable: boolean) => Promise<ReadonlyMap<number, number>>;
}

/** Milliseconds for which the end of an open transaction is waited for. */
const openTransactionMs = 2_000;

/**
 * The offsets that a group has committed: one for each of `partitions`, in their order, null where there is none. A transaction that was
 * just committed is waited for: the broker answers its producer before the offsets are there. One that stays open (its
 * producer has died) is not: whoever takes over its transactional id ends it, and reads the offsets again.
 */
export async function committedOffsets(
  { clock, read }: CommittedPorts,
  partitions: readonly number[],
  signal: AbortSignal,
): Promise<readonly (number | null)[]> {
  const deadline = clock.now() + openTransactionMs;
  const found = new Map<number, number>();
  for (let open = partitions; open.length > 0; ) {
    const stable = clock.now() < deadline;
    const offsets = await read(open, stable);
    for (const [partition, offset] of offsets) found.set(partition, offset);
    open = stable ? open.filter((partition) => !offsets.has(partition)) : [];
    if (open.length > 0) await clock.sleep(10, signal);
  }
  return partitions.map((partition) => {
    const offset = found.get(partition) ?? -1;
    return offset < 0 ? null : offset;
  });
}
