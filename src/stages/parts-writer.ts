import { SluiceError } from '../core/error.ts';
import type { LinkWriter } from '../core/link.ts';
import type { ScoredBatch } from '../core/scored-batch.ts';
import type { PartsOptions } from './parts-options.ts';
import { PartsPartition } from './parts-partition.ts';
import { takePart } from './parts-take.ts';

/**
 * The scored link of a live topic whose output is not a topic: each input partition becomes a row of parts, each an output of its
 * own, named by the offset at which it begins. A batch's `sequence` is its first offset, `through.after` the one behind its last.
 *
 * `durable` is the offset through the last *published* part: an unfinished one can be lost with its machine. Its ledger saves
 * work where it survives: `begin` then says how far it reaches. Since a part begins where the one before ended, whoever begins
 * at any offset that was committed follows the published parts to the end of their chain, and no row is in two of them.
 *
 * `append` rejects with KAFKA_FENCED when somebody else has taken the partition over; `begin` waits for who still has it.
 */
export function createPartsWriter(options: PartsOptions): LinkWriter<ScoredBatch> {
  const partitions = new Map<number, PartsPartition>();
  const at = (partition: number): PartsPartition => {
    const found = partitions.get(partition);
    if (found !== undefined) return found;
    throw new SluiceError('CONTRACT_BROKEN', `${options.splitOf(partition)} is used before it was begun`);
  };
  return {
    begin: async (partition, from, signal) => {
      if (partitions.get(partition)?.ended === false)
        throw new SluiceError('CONTRACT_BROKEN', `${options.splitOf(partition)} was begun twice`);
      const part = await takePart(options, options.splitOf(partition), from, signal);
      const taken = new PartsPartition(options, partition, part);
      partitions.set(partition, taken);
      return taken.next;
    },
    append: (partition, record, signal) => at(partition).append(record, signal),
    durable: (partition) => at(partition).durable,
    end: (partition, signal) => at(partition).end(signal),
  };
}
