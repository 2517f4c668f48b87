import type { Clock } from '../../../core/clock.ts';
import type { Envelope } from '../../../core/envelope.ts';
import { findSluiceError, SluiceError } from '../../../core/error.ts';
import type { LinkWriter } from '../../../core/link.ts';
import type { MessageWriter } from '../../../core/message-format.ts';
import type { DeadLetter, OutputRows, ScoredBatch } from '../../../core/scored-batch.ts';
import type { KafkaClient, KafkaCompression, PartitionRecords, ProducerRecord, TopicPartition } from '../client.ts';
import { deadLetterRecord } from './writer-dead-letters.ts';
import { type GroupCommitLimits, GroupCommits } from './writer-group-commits.ts';
import { type RowMessageSettings, RowMessages } from './writer-messages.ts';
import { assertEnvelopes, type WriterPieceOptions, type WriterTarget, writerPieces } from './writer-pieces.ts';
import { retryPause } from './writer-retry.ts';

/** What both writers of a user's topic are made with. */
export interface TopicWriterOptions {
  readonly client: KafkaClient;
  /** The output topic. */
  readonly topic: string;
  /** Null: dead letters are counted only. */
  readonly deadLetterTopic: string | null;
  /** What a partition of the link is. */
  readonly inputOf: (partition: number) => TopicPartition;
  readonly messages: MessageWriter;
  readonly mapping: RowMessageSettings;
  /**
   * `source`: the partition of the same number as the input's (where the output has fewer, the number modulo their count), which
   * keeps the order of each input partition. `key`: by hash of the key, as Java's producers do; rows without a key as `source`.
   */
  readonly partitioning: 'source' | 'key';
  /** Whether rows that failed are written to the output too, with blank predictions. */
  readonly keepFailed: boolean;
  /**
   * For `keepFailed`: the rows of a batch that failed whole before any reply had shown the columns. Null or left out: such rows are
   * dead letters only.
   */
  readonly complete?: ((batch: ScoredBatch) => OutputRows | null) | undefined;
  /** Makes the message of a dead letter. Left out: `deadLetterRecord`. */
  readonly letterRecord?: ((letter: DeadLetter) => ProducerRecord) | undefined;
  /** The number of the partition that a row came in, by which `source` goes. Left out: that of the input. */
  readonly sourceOf?: ((envelope: Envelope) => number) | undefined;
  readonly compression: KafkaCompression;
  readonly limits?: Partial<GroupCommitLimits> | undefined;
  readonly clock: Clock;
  /** Told the input offset below which everything of a partition is durable now; also when nothing is appended any more. */
  readonly onDurable?: ((partition: number, offset: number) => void) | undefined;
  /** Told why nothing more can be made durable for a partition; who appends to it next is told as well. */
  readonly onFailure?: ((partition: number, error: unknown) => void) | undefined;
  /** Told of a failure of the cluster or the registry that is waited for; undefined when it is over. */
  readonly onWait?: ((partition: number, error: SluiceError | undefined) => void) | undefined;
}

/** Default limits: requests well below Kafka's 1 MiB, and some six of them in memory per partition. */
const TOPIC_WRITER_LIMITS: GroupCommitLimits = {
  maxPieces: 32,
  maxRequestBytes: 700_000,
  maxCommitBytes: 700_000,
  maxPendingBytes: 4_000_000,
  maxRestMs: 0,
};

/** The right to write for an input partition, and the way of it. */
export interface WriterHold {
  /** The input offset that is needed next. */
  readonly from: number;
  /**
   * Makes everything durable for the input offsets from `after` to `next`. Called one at a time; after a retryable rejection again with the
   * same.
   */
  commit(batches: readonly PartitionRecords[], after: number, next: number, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A writer of a link that must be closed when no partition is held any more. */
export type TopicWriter = LinkWriter<ScoredBatch> & AsyncDisposable;

/** What a partition that is written has. */
interface Held {
  readonly hold: WriterHold;
  readonly commits: GroupCommits<number>;
  readonly pieces: WriterPieceOptions;
}

/**
 * The part of a topic's writer that is the same for every guarantee: rows become messages, messages groups, groups are committed one after
 * the other, and what is pending is bounded.
 */
export function createTopicWriter(
  options: TopicWriterOptions,
  take: (input: TopicPartition, from: number, signal: AbortSignal) => Promise<WriterHold>,
  dispose: () => Promise<void>,
): TopicWriter {
  const { client, clock, deadLetterTopic, keepFailed, partitioning } = options;
  const limits = { ...TOPIC_WRITER_LIMITS, ...options.limits };
  const messages = new RowMessages(options.messages, options.mapping);
  const holding = new Map<number, Held>();
  const durable = new Map<number, { offset: number }>();
  const closing = new Set<Promise<void>>();

  const target = async (topic: string): Promise<WriterTarget> => {
    const partitions = await client.topics.partitions(topic);
    if (partitions !== null) return { topic, partitions };
    throw new SluiceError(
      'KAFKA_TOPIC_MISSING',
      `there is no topic ${topic} to write to; create it, or correct its name`,
    );
  };
  const held = (partition: number): Held => {
    const found = holding.get(partition);
    if (found !== undefined) return found;
    throw new SluiceError('CONTRACT_BROKEN', `partition ${partition} is written without being held`);
  };
  const letGo = (hold: WriterHold): Promise<void> => {
    const closed = hold.close().catch(() => undefined);
    closing.add(closed);
    return closed.finally(() => closing.delete(closed));
  };
  const records = async (
    partition: number,
    batch: ScoredBatch,
    signal: AbortSignal,
  ): Promise<readonly ProducerRecord[] | null> => {
    const envelopes = assertEnvelopes(batch);
    const output = batch.output.schema === null ? (options.complete?.(batch) ?? null) : batch.output;
    if (output === null) return null;
    for (let attempt = 0; ; attempt += 1) {
      try {
        const all = await messages.of(output, envelopes, signal);
        if (attempt > 0) options.onWait?.(partition, undefined);
        return all;
      } catch (error) {
        const fault = findSluiceError(error);
        if (!fault?.retryable) throw error;
        options.onWait?.(partition, fault);
        await clock.sleep(retryPause(attempt, clock), signal);
      }
    }
  };

  return {
    begin: async (partition, from, signal) => {
      if (holding.has(partition)) throw new SluiceError('CONTRACT_BROKEN', `partition ${partition} is held already`);
      const input = options.inputOf(partition);
      const output = await target(options.topic);
      const deadLetters = deadLetterTopic === null ? null : await target(deadLetterTopic);
      const hold = await take(input, from, signal);
      const through = { offset: hold.from };
      const commits = new GroupCommits<number>({
        commit: (requests, next, stopped) => hold.commit(requests.batches(), through.offset, next, stopped),
        onDurable: (next) => {
          through.offset = next;
          options.onDurable?.(partition, next);
        },
        onFailure: (error) => options.onFailure?.(partition, error),
        onWait: (error) => options.onWait?.(partition, error),
        limits,
        clock,
      });
      const { maxRequestBytes } = limits;
      const { letterRecord = (letter: DeadLetter): ProducerRecord => deadLetterRecord(letter), sourceOf } = options;
      const to = { output, deadLetters, source: input.partition, partitioning, sourceOf };
      const pieces = { ...to, keepFailed, letterRecord, maxRequestBytes };
      durable.set(partition, through);
      holding.set(partition, { hold, commits, pieces });
      return hold.from;
    },
    append: async (partition, record, signal) => {
      const { commits, pieces } = held(partition);
      await commits.room(signal);
      // The end of a topic's range needs no record: the offsets say it.
      if (record.kind === 'end') return;
      const rows = await records(partition, record.value, signal);
      signal.throwIfAborted();
      commits.push(writerPieces(record.value, rows, pieces));
    },
    durable: (partition) => durable.get(partition)?.offset ?? 0,
    end: async (partition, signal) => {
      const ending = holding.get(partition);
      if (ending === undefined) return;
      holding.delete(partition);
      const { commits, hold } = ending;
      try {
        await commits.flush(signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        commits.stop(new SluiceError('CONTRACT_BROKEN', `partition ${partition} is written after its end`));
        const closed = letGo(hold);
        if (!signal.aborted) await closed;
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { commits, hold } of holding.values()) {
        commits.stop(new SluiceError('JOB_INTERRUPTED', 'the writer was closed'));
        void letGo(hold);
      }
      holding.clear();
      await Promise.all(closing);
      await dispose();
    },
  };
}
