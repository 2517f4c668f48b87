import type { Clock } from '../../../../core/clock.ts';

/** What the committed offsets of a group are read by, for one topic. */
export interface CommittedPorts {
  readonly clock: Clock;
  /**
   * The offsets of partitions, by partition; negative where none is committed.
   * @param stable leaves out a partition whose offset an open transaction may still change (KIP-447's `require_stable`).
   */
  readonly read: (partitions: readonly number[], stable: boolean) => Promise<ReadonlyMap<number, number>>;
}

/** Milliseconds for which the end of an open transaction is waited for. */
export const openTransactionMs = 2_000;

/**
 * The offsets that a group has committed: one for each of `partitions`, in their order, null where there is none. A transaction that was
 * just committed is waited for: the broker answers its producer before the offsets are there. One that stays open (its
 * producer has died) is not: whoever takes over its transactional id ends it, and reads the offset again by `settledOffset`.
 */
export async function committedOffsets(
  ports: CommittedPorts,
  partitions: readonly number[],
  signal: AbortSignal,
): Promise<readonly (number | null)[]> {
  const stable = await stableOffsets(ports, partitions, openTransactionMs, signal);
  const open = partitions.filter((partition) => !stable.has(partition));
  const found = open.length === 0 ? stable : new Map([...stable, ...(await ports.read(open, false))]);
  return partitions.map((partition) => committedOf(found.get(partition)));
}

/**
 * The offset that a group has committed for one partition, null where there is none; undefined when after `patienceMs` there still is an
 * open transaction that may change it.
 */
export async function settledOffset(
  ports: CommittedPorts,
  partition: number,
  patienceMs: number,
  signal: AbortSignal,
): Promise<number | null | undefined> {
  const found = await stableOffsets(ports, [partition], patienceMs, signal);
  return found.has(partition) ? committedOf(found.get(partition)) : undefined;
}

/** Without the partitions that some transaction leaves open for longer. */
async function stableOffsets(
  { clock, read }: CommittedPorts,
  partitions: readonly number[],
  patienceMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, number>> {
  const deadline = clock.now() + patienceMs;
  const found = new Map<number, number>();
  for (let open = partitions; open.length > 0; ) {
    for (const [partition, offset] of await read(open, true)) found.set(partition, offset);
    open = open.filter((partition) => !found.has(partition));
    if (clock.now() >= deadline) break;
    if (open.length > 0) await clock.sleep(10, signal);
  }
  return found;
}

function committedOf(offset = -1): number | null {
  return offset < 0 ? null : offset;
}
