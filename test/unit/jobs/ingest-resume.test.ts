import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RowBatch } from '../../../src/core/row-batch.ts';
import { schemaOf } from '../../../src/core/schema.ts';
import { ingestResume } from '../../../src/jobs/kafka/ingest-resume.ts';
import type { KafkaClient } from '../../../src/links/kafka/client.ts';
import { BlockReader, encodeBlock } from '../../../src/links/kafka/job/block.ts';
import { createBlockWriter } from '../../../src/links/kafka/job/block-writer.ts';
import { rowsForm } from '../../../src/links/kafka/job/rows-block.ts';
import { readRowsTail } from '../../../src/links/kafka/job/rows-tail.ts';
import type { IngestPlace } from '../../../src/stages/ingest.ts';
import { createMemoryKafka, type MemoryKafka } from '../../support/memory-kafka/memory-kafka.ts';

const never = new AbortController().signal;
const ROWS = 3;
const EPOCH = 'now';
const schema = schemaOf(['text']);

/** An ingest that was killed: what of each partition had come to the topic, and whether more of a block in several records had. */
interface KilledIngest {
  /** Batches of each partition that became durable. */
  readonly batches: readonly number[];
  /** Whether the records of the next batch were cut within. */
  readonly cut: boolean;
  /** Batches that the output has, of those that all partitions have. */
  readonly delivered: number;
}

const killed = (partitions: number): fc.Arbitrary<KilledIngest> =>
  fc.record({
    batches: fc.array(fc.nat(6), { minLength: partitions, maxLength: partitions }),
    cut: fc.boolean(),
    delivered: fc.nat(30),
  });
const cases = fc.integer({ min: 1, max: 4 }).chain((partitions) =>
  fc.record({
    partitions: fc.constant(partitions),
    total: fc.nat(20),
    lives: fc.array(killed(partitions), { maxLength: 4 }),
    large: fc.boolean(),
    strangers: fc.boolean(),
  }),
);

/** The batch of a sequence: the same on every run. */
function batchOf(sequence: number, large: boolean): RowBatch {
  const origin = {
    split: 's',
    firstRow: ROWS * sequence,
    after: sequence === 0 ? null : sequence,
    position: sequence + 1,
    rejected: [],
  };
  const text = large ? 'x'.repeat(300_000) : 'x';
  return RowBatch.fromRecords(
    schema,
    origin,
    Array.from({ length: ROWS }, (_, row) => [`${sequence}.${row}${text}`]),
  );
}

function placeOf(sequence: number): IngestPlace {
  return { sequence, read: ROWS * sequence, through: sequence === 0 ? null : { split: 's', after: sequence } };
}

async function tailsOf(client: KafkaClient) {
  return readRowsTail(client, 'rows', EPOCH, never);
}

/** What the partitions hold, in order, with an end marker as Infinity. */
function heldBy(kafka: MemoryKafka, partition: number): readonly number[] {
  const blocks = new BlockReader(EPOCH);
  return kafka.log('rows', partition).flatMap(({ envelope }) => {
    const block = blocks.read(envelope!);
    if (block === null) return [];
    return [block.facts.kind === 'end' ? Number.POSITIVE_INFINITY : block.facts.sequence];
  });
}

test('ingest that is killed any number of times, anywhere, appends every batch that is needed, and none that is there', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ partitions, total, lives, large, strangers }) => {
      const kafka = createMemoryKafka();
      kafka.createTopic('rows', partitions);
      const client = kafka.client();
      const producer = await client.producer({ compression: 'none' }, never);
      let delivered = 0;
      /** Ingest as far as it comes. */
      const life = async (reach: KilledIngest | null): Promise<void> => {
        const resume = ingestResume(await tailsOf(client), placeOf(delivered));
        if (resume === null) return;
        const { from, held } = resume;
        expect(from).toEqual(placeOf(from.sequence));
        const writer = createBlockWriter({
          producer,
          topic: 'rows',
          partitions,
          form: rowsForm,
          partitionBytes: 1e9,
          epoch: EPOCH,
        });
        for (let partition = 0; partition < partitions; partition += 1) {
          let left = reach?.batches[partition] ?? Number.POSITIVE_INFINITY;
          await writer.begin(partition, from.sequence, never);
          for (let sequence = from.sequence; sequence < total; sequence += 1) {
            if (sequence % partitions !== partition || held.has(sequence)) continue;
            if (left === 0) {
              const records = encodeBlock(rowsForm.encode(sequence, batchOf(sequence, large), 0), EPOCH).slice(0, -1);
              if (reach?.cut && records.length > 0) await producer.send([{ topic: 'rows', partition, records }], never);
              left = -1;
              break;
            }
            left -= 1;
            const read = ROWS * (sequence + 1);
            await writer.append(partition, { kind: 'batch', sequence, value: batchOf(sequence, large), read }, never);
          }
          if (left > 0 && !held.hasEnd(partition))
            await writer.append(partition, { kind: 'end', sequence: total, read: ROWS * total, complete: true }, never);
          await writer.end(partition, never);
        }
      };
      for (const reach of lives) {
        await life(reach);
        // What somebody of an earlier beginning of the job writes late is not there.
        if (strangers) {
          const records = encodeBlock(rowsForm.encode(0, batchOf(0, false), 0), 'before');
          await producer.send([{ topic: 'rows', partition: 0, records }], never);
        }
        const all = new Set(Array.from({ length: partitions }, (_, partition) => heldBy(kafka, partition)).flat());
        let contiguous = delivered;
        while (all.has(contiguous)) contiguous += 1;
        delivered = Math.max(delivered, Math.min(reach.delivered, contiguous));
      }
      await life(null);
      for (let partition = 0; partition < partitions; partition += 1) {
        const own = Array.from({ length: total }, (_, i) => i).filter((each) => each % partitions === partition);
        expect(heldBy(kafka, partition)).toEqual([...own, Number.POSITIVE_INFINITY]);
      }
      const tails = await tailsOf(client);
      expect(tails).toEqual(Array.from({ length: partitions }, () => ({ ended: true, read: ROWS * total })));
      expect(ingestResume(tails, placeOf(delivered))).toBeNull();
    }),
    { numRuns: 80 },
  );
});
