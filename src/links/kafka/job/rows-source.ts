import type { Clock } from '../../../core/clock.ts';
import { SluiceError } from '../../../core/error.ts';
import type { PartitionLease } from '../../../core/link.ts';
import type { Position } from '../../../core/position.ts';
import { RowBatch } from '../../../core/row-batch.ts';
import type { Source, Split } from '../../../core/source.ts';
import type { KafkaClient } from '../client.ts';
import { readAlone } from '../read-alone.ts';
import type { BlockEpoch } from './block.ts';
import { createBlockLinkReader } from './block-reader.ts';
import { rowsForm } from './rows-block.ts';

export interface RowsSourceOptions {
  readonly client: KafkaClient;
  /** The rows topic of a job that kept its topics. */
  readonly topic: string;
  readonly clock: Clock;
  /** Which beginning of the job the rows are read of; undefined: nobody knows of more than one. */
  readonly epoch: (signal: AbortSignal) => Promise<BlockEpoch>;
}

/**
 * Reads the rows that a job once ingested, in their order and in the batches that it cut: one split, whose position is the
 * sequence of the next batch. Reads as no group, so that nobody is disturbed.
 */
export function createRowsSource(options: RowsSourceOptions): Source {
  const { client, topic, clock } = options;
  let partitions = 0;
  let bytesRead = 0;

  async function* read(after: Position | null, signal: AbortSignal): AsyncGenerator<RowBatch> {
    const first = typeof after === 'number' ? after : 0;
    await using consumer = await readAlone(
      client,
      {
        topics: [topic],
        from: 'earliest',
        bufferBytes: 1024 * 1024,
      },
      signal,
    );
    const leases: PartitionLease<RowBatch>[] = [];
    const epoch = await options.epoch(signal);
    const reader = createBlockLinkReader({ consumer, partitions, form: rowsForm, clock, epoch });
    for await (const lease of reader.leases(signal)) {
      lease.seek(first);
      leases[lease.partition] = lease;
      if (leases.filter(Boolean).length === partitions) break;
    }
    for (let sequence = first; ; sequence += 1) {
      const record = await leases[sequence % partitions]!.next(signal);
      if (record.kind === 'end') return;
      const { schema, bytes, ends, origin } = record.value;
      bytesRead += bytes.length;
      yield RowBatch.fromCsv(
        schema,
        { ...origin, split: topic, after: sequence === 0 ? null : sequence, position: sequence + 1 },
        bytes,
        ends,
      );
    }
  }

  return {
    async identity() {
      partitions = await partitionsOf(client, topic);
      return { topic, ranges: (await client.topics.ranges(topic)).map(({ start, end }) => [start, end]) };
    },
    check: async () => void (await partitionsOf(client, topic)),
    splits: async (): Promise<readonly Split[]> => [{ id: topic, bytes: null }],
    read: (_split, after, _limits, signal) => read(after, signal),
    get bytesRead() {
      return bytesRead;
    },
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function partitionsOf(client: KafkaClient, topic: string): Promise<number> {
  const partitions = (await client.topics.partitions(topic)) ?? 0;
  if (partitions > 0) return partitions;
  throw new SluiceError(
    'KAFKA_TOPIC_MISSING',
    `there is no topic ${topic}; a job keeps its rows only with kafka.keepTopics: true`,
  );
}
