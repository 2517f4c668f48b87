import type { IntakePosition, Position } from '../../../core/position.ts';
import type { KafkaClient, KafkaConsumer, OffsetRange } from '../client.ts';
import { readAlone } from '../read-alone.ts';
import { type Block, type BlockEpoch, BlockReader } from './block.ts';

/** The last whole batch of a partition of a job's rows. */
interface PartitionTail {
  readonly ended?: false;
  readonly sequence: number;
  /** Where the intake continues behind it. */
  readonly through: IntakePosition;
  readonly read: number;
}

/** What a partition ends with: a batch, the end marker (with the rows of the whole intake), or nothing. */
export type RowsTail = PartitionTail | { readonly ended: true; readonly read: number } | null;

/** The last records looked at first; a batch of more parts is looked for further back. */
const LOOK_BACK = [1, 64, 4_096, Number.MAX_SAFE_INTEGER];

/**
 * How far a job's rows were written, per partition: what ingest continues from, on any machine. Reads the last batch of each
 * partition and nothing else.
 */
export async function readRowsTail(
  client: KafkaClient,
  topic: string,
  epoch: BlockEpoch,
  signal: AbortSignal,
): Promise<readonly RowsTail[]> {
  const ranges = await client.topics.ranges(topic);
  const tails: RowsTail[] = ranges.map(() => null);
  for (const back of LOOK_BACK) {
    const wanted = ranges.map((range, partition) =>
      tails[partition] === null && range.end > range.start ? range : null,
    );
    if (wanted.every((range) => range === null)) break;
    await using consumer = await readAlone(
      client,
      {
        topics: [topic],
        from: 'earliest',
        bufferBytes: 4 * 1024 * 1024,
      },
      signal,
    );
    await readEnds(consumer, wanted, back, { tails, epoch }, signal);
  }
  return tails;
}

async function readEnds(
  consumer: KafkaConsumer,
  wanted: readonly (OffsetRange | null)[],
  back: number,
  { tails, epoch }: { readonly tails: RowsTail[]; readonly epoch: BlockEpoch },
  signal: AbortSignal,
): Promise<void> {
  let missing = wanted.length;
  for await (const assigned of consumer.assignments(signal)) {
    const range = wanted[assigned.partition];
    if (range) {
      assigned.seek(Math.max(range.start, range.end - back));
      const blocks = new BlockReader(epoch);
      for (let at = 0; at < range.end; ) {
        for (const message of await assigned.poll(1024 * 1024, signal)) {
          at = message.offset + 1;
          const block = blocks.read(message);
          if (block !== null && at <= range.end) tails[assigned.partition] = tailOf(block);
        }
      }
    }
    await assigned[Symbol.asyncDispose]();
    missing -= 1;
    if (missing === 0) return;
  }
}

function tailOf({ facts }: Block): RowsTail {
  const read = facts['read'] as number;
  if (facts.kind === 'end') return { ended: true, read };
  return {
    sequence: facts.sequence,
    through: { split: facts['split'] as string, after: facts['position'] as Position },
    read,
  };
}
