import type { BatchLimits } from '../../../core/batch-limits.ts';
import type { Clock } from '../../../core/clock.ts';
import type { Envelope } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import type { MessageReader } from '../../../core/message-format.ts';
import type { Position } from '../../../core/position.ts';
import type { RowBatch } from '../../../core/row-batch.ts';
import type { Schema } from '../../../core/schema.ts';
import type { Source } from '../../../core/source.ts';
import type { KafkaClient, TopicPartition } from '../client.ts';
import { readPatiently } from './topic-patience.ts';
import { type PartitionRange, type TopicEnd, type TopicStart, topicRanges } from './topic-range.ts';
import { rangeMessages } from './topic-range-messages.ts';
import { TopicRows } from './topic-rows.ts';

export interface TopicSourceOptions {
  readonly client: KafkaClient;
  readonly topics: readonly string[];
  readonly from: TopicStart;
  readonly until: TopicEnd;
  /** Where the ranges of an interrupted run are kept: `earliest` and `end` are other offsets by now. Null: nowhere. */
  readonly memory: RangesMemory | null;
  /** Makes a reader of messages; one for each partition. */
  readonly messages: () => MessageReader;
  readonly clock: Clock;
  /** A partition waits for something that is away (a schema registry), with the reason; null when it goes on. */
  readonly onWait?: (partition: TopicPartition, reason: string | null) => void;
}

/** Keeps what an unfinished read of topics reads. */
export interface RangesMemory {
  /** Of an interrupted run; null for a new one. */
  find(signal: AbortSignal): Promise<readonly PartitionRange[] | null>;
  keep(ranges: readonly PartitionRange[], signal: AbortSignal): Promise<void>;
  forget(signal: AbortSignal): Promise<void>;
}

/** Messages that are looked at for columns before a partition is read. */
const SAMPLE = 100;
/** Messages that are read together. */
const CHUNK = 1024;

/**
 * A bounded read of topics, without a group: nothing is committed, nobody else is disturbed. Splits are partitions, positions
 * offsets. Batches are cut by rows and bytes alone, so that every run cuts the same ones.
 */
export function createTopicSource(options: TopicSourceOptions): Source {
  const { client, topics, from, until } = options;
  let ranges: readonly PartitionRange[] = [];
  let sample: Promise<readonly Envelope[]> | undefined;
  let bytesRead = 0;

  async function* read(
    id: string,
    after: number | null,
    limits: BatchLimits,
    signal: AbortSignal,
  ): AsyncGenerator<RowBatch> {
    const range = ranges.find((candidate) => splitOf(candidate) === id);
    if (range === undefined) throw new SluiceError('CONTRACT_BROKEN', `${id} is no split of this intake`);
    const reader = options.messages();
    sample ??= firstMessages(client, ranges, signal);
    const patience = {
      clock: options.clock,
      onWait: (reason: string | null): void =>
        options.onWait?.({ topic: range.topic, partition: range.partition }, reason),
      onTry: async (): Promise<void> => undefined,
    };
    // Formats without fixed columns learn them from what they see. All partitions, and every continuation, begin with the same.
    const learned = await readPatiently(reader, await sample, patience, signal);
    const schema: Schema | null = learned.runs.at(-1)?.schema ?? null;
    const rows = new TopicRows(id, after, schema);
    const rest = { ...range, from: after ?? range.from };
    for await (const messages of rangeMessages(client, rest, limits.bytes, signal)) {
      for (let at = 0; at < messages.length; at += CHUNK) {
        const some = messages.slice(at, at + CHUNK);
        for (const { value } of some) bytesRead += value?.length ?? 0;
        rows.push(some, await readPatiently(reader, some, patience, signal));
        while (rows.fill(limits)) {
          yield rows.take();
          signal.throwIfAborted();
        }
      }
    }
    if (!rows.empty) yield rows.take();
  }

  return {
    get bytesRead() {
      return bytesRead;
    },
    identity: async (signal) => {
      const found = (await options.memory?.find(signal)) ?? null;
      ranges = found ?? (await topicRanges(client.topics, topics, from, until));
      if (found === null) await options.memory?.keep(ranges, signal);
      return ranges.map(({ topic, partition, from: first, until: end }) => ({
        topic,
        partition,
        from: first,
        until: end,
      }));
    },
    splits: async () => ranges.map((range) => ({ id: splitOf(range), bytes: null })),
    read: (split, after: Position | null, limits, signal) => read(split.id, after as number | null, limits, signal),
    check: async (signal) => {
      const messages = await firstMessages(client, await topicRanges(client.topics, topics, from, until), signal);
      await assertReadable(options.messages(), messages, topics.join(', '), signal);
    },
    finished: async (signal) => options.memory?.forget(signal),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Throws INTAKE_UNREADABLE when none of the messages is a row. No messages at all are no fault: they may come. */
async function assertReadable(
  reader: MessageReader,
  messages: readonly Envelope[],
  topics: string,
  signal: AbortSignal,
): Promise<void> {
  if (messages.length === 0) return;
  const { unreadable } = await reader.read(messages, signal);
  if (unreadable.length < messages.length) return;
  throw new SluiceError(
    'INTAKE_UNREADABLE',
    `none of the first ${messages.length} messages of ${topics} is a row: ${unreadable[0]?.reason ?? ''}. Check intakeSettings.format.`,
  );
}

function splitOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/** The first messages of the first partition that has any. */
async function firstMessages(
  client: KafkaClient,
  ranges: readonly PartitionRange[],
  signal: AbortSignal,
): Promise<readonly Envelope[]> {
  const found: Envelope[] = [];
  for (const range of ranges) {
    for await (const messages of rangeMessages(client, range, 1 << 20, signal)) {
      found.push(...messages.slice(0, SAMPLE - found.length));
      if (found.length === SAMPLE) break;
    }
    if (found.length > 0) break;
  }
  return found;
}
