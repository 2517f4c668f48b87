import type { RowsTail } from '../../links/kafka/job/rows-tail.ts';
import type { HeldRows, IngestPlace } from '../../stages/ingest.ts';

/** Where ingest continues a job whose rows topic may hold rows already; null when it holds all of them. */
export interface IngestResume {
  readonly from: IngestPlace;
  readonly held: HeldRows;
}

/**
 * From the ends of the partitions. Every batch up to the last one of the partition that is furthest behind is in the topic, so
 * reading continues behind that one; what other partitions hold beyond it is read again (the same batches are cut), and not
 * appended again. Where a partition has nothing the output's ledger says where to begin: no batch below it is needed.
 */
export function ingestResume(tails: readonly RowsTail[], delivered: IngestPlace): IngestResume | null {
  const open = tails.filter((tail) => tail?.ended !== true);
  if (open.length === 0) return null;
  const [furthestBehind = null] = open.toSorted((a, b) => (a?.sequence ?? -1) - (b?.sequence ?? -1));
  const isBehindDelivered = furthestBehind === null || furthestBehind.sequence < delivered.sequence;
  const from = isBehindDelivered ? delivered : { ...furthestBehind, sequence: furthestBehind.sequence + 1 };
  return {
    from,
    held: {
      has: (sequence) => {
        const tail = tails[sequence % tails.length] ?? null;
        return tail !== null && (tail.ended === true || tail.sequence >= sequence);
      },
      hasEnd: (partition) => tails[partition]?.ended === true,
    },
  };
}
