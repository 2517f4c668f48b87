import type { Clock } from '../../../core/clock.ts';
import type { Envelope } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import type { LinkReader, LinkRecord, PartitionLease } from '../../../core/link.ts';
import type { AssignedPartition, KafkaConsumer } from '../client.ts';
import { type Block, type BlockEpoch, BlockReader } from './block.ts';
import type { BlockForm } from './block-form.ts';

export interface BlockLinkReaderOptions<T> {
  readonly consumer: KafkaConsumer;
  readonly partitions: number;
  readonly form: BlockForm<T>;
  readonly clock: Clock;
  readonly epoch?: BlockEpoch;
}

/** Milliseconds between two commits of a partition; what was done since the last one is done again after a crash. */
const COMMIT_EVERY_MS = 500;
/** Bytes that one poll takes at the most. */
const POLL_BYTES = 1024 * 1024;

/**
 * The reading end of a link over a topic of a job's own. Whatever was written twice comes once: a batch is taken only if it is the
 * one that follows, so neither a restarted writer nor a record of an aborted transaction can double a row.
 */
export function createBlockLinkReader<T>(options: BlockLinkReaderOptions<T>): LinkReader<T> {
  return {
    async *leases(signal) {
      for await (const assigned of options.consumer.assignments(signal)) yield new BlockLease(assigned, options);
    },
  };
}

interface Place {
  readonly sequence: number;
  /** Offset behind the batch's last record. */
  readonly next: number;
}

class BlockLease<T> implements PartitionLease<T> {
  readonly #assigned: AssignedPartition;
  readonly #options: BlockLinkReaderOptions<T>;
  readonly #blocks: BlockReader;
  readonly #places: Place[] = [];
  #waiting: Envelope[] = [];
  #expected: number | null = null;
  #done: number | null = null;
  #lastCommit: number;

  constructor(assigned: AssignedPartition, options: BlockLinkReaderOptions<T>) {
    this.#assigned = assigned;
    this.#options = options;
    this.#blocks = new BlockReader(options.epoch);
    this.#lastCommit = options.clock.now();
  }

  get partition(): number {
    return this.#assigned.partition;
  }

  get revoked(): AbortSignal {
    return this.#assigned.revoked;
  }

  get lost(): AbortSignal {
    return this.#assigned.lost;
  }

  /** Unknown before the first record, as what is committed is an offset; nobody who reads such a topic needs it. */
  get committed(): number {
    return this.#expected ?? 0;
  }

  /** Batches below it are skipped. */
  seek(sequence: number): void {
    const { partitions } = this.#options;
    const ahead = (((this.partition - sequence) % partitions) + partitions) % partitions;
    this.#expected = sequence + ahead;
  }

  async next(signal: AbortSignal): Promise<LinkRecord<T>> {
    for (;;) {
      // What was fetched already is not begun with any more.
      signal.throwIfAborted();
      this.revoked.throwIfAborted();
      const message = this.#waiting.shift();
      if (message === undefined) {
        this.#waiting = [...(await this.#assigned.poll(POLL_BYTES, signal))];
        continue;
      }
      const block = this.#blocks.read(message);
      const record = block === null ? null : this.#take(block, message);
      if (record !== null) return record;
    }
  }

  async commit(sequence: number): Promise<void> {
    while (this.#places[0] !== undefined && this.#places[0].sequence < sequence)
      this.#done = this.#places.shift()!.next;
    if (this.#options.clock.now() - this.#lastCommit >= COMMIT_EVERY_MS) await this.#commitDone();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.lost.aborted) await this.#commitDone();
    await this.#assigned[Symbol.asyncDispose]();
  }

  async #commitDone(): Promise<void> {
    const offset = this.#done;
    if (offset === null) return;
    this.#done = null;
    this.#lastCommit = this.#options.clock.now();
    await this.#assigned.commit(offset);
  }

  /** Null for a batch that was there before. */
  #take(block: Block, message: Envelope): LinkRecord<T> | null {
    const { facts } = block;
    if (facts.kind === 'end') {
      const { sequence } = facts;
      return { kind: 'end', sequence, read: facts['read'] as number, complete: facts['complete'] as boolean };
    }
    const { sequence } = facts;
    if (this.#expected !== null && sequence < this.#expected) return null;
    if (this.#expected !== null && sequence > this.#expected) {
      throw new SluiceError(
        'KAFKA_FAULT',
        `${message.topic}/${message.partition}: batch ${sequence} comes where ${this.#expected} should; records were removed from the topic. Start the job anew with --overwrite.`,
      );
    }
    this.#expected = sequence + this.#options.partitions;
    this.#places.push({ sequence, next: message.offset + 1 });
    return this.#options.form.decode(block);
  }
}
