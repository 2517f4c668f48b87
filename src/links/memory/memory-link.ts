import { SluiceError } from '../../core/error.ts';
import type { Link, LinkReader, LinkRecord, LinkWriter, PartitionLease } from '../../core/link.ts';
import { MemoryPartition } from './memory-partition.ts';

/** How a memory link is bounded and measured. */
export interface MemoryLinkOptions<T> {
  /** At least 1. */
  readonly partitions: number;
  /** Bytes that one partition holds at the most; a single larger record is still taken when the partition is empty. */
  readonly partitionBytes: number;
  /** What a record counts for, in bytes. */
  readonly sizeOf: (value: T) => number;
}

/**
 * A link within one process: nothing is durable, everything is bounded. Each partition has its own budget: with one
 * budget for all, the partitions that a reader does not wait for could fill it and starve the one it does wait for.
 */
export function createMemoryLink<T>(options: MemoryLinkOptions<T>): Link<T> {
  const { partitions, partitionBytes, sizeOf } = options;
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw new SluiceError('CONTRACT_BROKEN', `a link needs at least one partition, not ${partitions}`);
  }
  const all = Array.from({ length: partitions }, () => new MemoryPartition<T>(partitionBytes));

  const writer: LinkWriter<T> = {
    append: (partition, record, signal) =>
      at(all, partition).append(record, record.kind === 'batch' ? sizeOf(record.value) : 0, signal),
    durable: (partition) => at(all, partition).durable,
    // One writer from beginning to end, within one process.
    begin: async (_partition, from) => from,
    end: async () => undefined,
  };
  const reader: LinkReader<T> = {
    async *leases() {
      for (const [partition, queue] of all.entries()) yield leaseOf(partition, queue);
    },
  };
  return { partitions, writer, reader, [Symbol.asyncDispose]: async () => undefined };
}

/** Nobody takes a partition away within one process. */
const never = new AbortController().signal;

function leaseOf<T>(partition: number, queue: MemoryPartition<T>): PartitionLease<T> {
  return {
    partition,
    revoked: never,
    lost: never,
    committed: queue.durable,
    // What was read before is gone: a queue begins where it stands.
    seek: () => undefined,
    next: (signal): Promise<LinkRecord<T>> => queue.take(signal),
    commit: async (sequence) => queue.commit(sequence),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function at<T>(all: readonly MemoryPartition<T>[], partition: number): MemoryPartition<T> {
  const found = all[partition];
  if (found === undefined)
    throw new SluiceError('CONTRACT_BROKEN', `the link has no partition ${partition}, only ${all.length}`);
  return found;
}
