import { abortable } from '../../../core/abortable.ts';
import type { BatchLimits } from '../../../core/batch-limits.ts';
import type { Clock } from '../../../core/clock.ts';
import type { Envelope } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import type { LinkRecord, PartitionLease } from '../../../core/link.ts';
import type { MessageReader } from '../../../core/message-format.ts';
import type { RowBatch } from '../../../core/row-batch.ts';
import type { AssignedPartition } from '../client.ts';
import { TopicCommits } from './topic-commits.ts';
import { readPatiently } from './topic-patience.ts';
import { TopicRows } from './topic-rows.ts';

export interface TopicLeaseOptions {
  readonly assigned: AssignedPartition;
  /** The partition's number in the link. */
  readonly partition: number;
  /** The offset that reading begins at. */
  readonly start: number;
  /** The partition's high watermark now. */
  readonly high: () => Promise<number>;
  /** The offset before which reading ends; null: never. */
  readonly until: number | null;
  /** Looked at anew for every batch. */
  readonly limits: BatchLimits;
  readonly messages: MessageReader;
  /** What is read of a message; null passes it over. Left out: all of it. */
  readonly admit?: ((message: Envelope) => Envelope | null) | undefined;
  readonly clock: Clock;
  /** False: `commit` leaves the group's offsets alone, but for the end of a bounded read. */
  readonly commitOffsets: boolean;
  /** Told why the partition waits, and null when it goes on. */
  readonly onWait: (reason: string | null) => void;
  /** Told once, when the lease is disposed of; `ended`: at its end, and not taken away before it was done. */
  readonly onDisposed: (ended: boolean) => void;
}

/** How often a bounded read that gets no message looks at where the partition stands: its last offsets may hold no message. */
const LOOK_MS = 200;

/** A partition of a topic that is read in micro-batches. A sequence is the offset that a batch starts at. */
export class TopicLease implements PartitionLease<RowBatch> {
  readonly partition: number;
  readonly #options: TopicLeaseOptions;
  readonly #commits: TopicCommits;
  /** Messages that were fetched and not read yet, from `#head` on. */
  #unread: Envelope[] = [];
  #head = 0;
  #rows: TopicRows | undefined;
  #start: number;
  #committed: number;
  /** Where the next batch starts. */
  #at: number;
  /** The offset that the next message has at least. */
  #next: number;
  #read = 0;
  #ended = false;
  #waits = false;
  #disposed: Promise<void> | undefined;
  #signals: { readonly of: AbortSignal; readonly both: AbortSignal } | undefined;

  constructor(options: TopicLeaseOptions) {
    this.#options = options;
    this.partition = options.partition;
    this.#start = options.start;
    this.#committed = options.start;
    this.#at = options.start;
    this.#next = options.start;
    this.#commits = new TopicCommits((offset) => options.assigned.commit(offset), options.clock);
  }

  get revoked(): AbortSignal {
    return this.#options.assigned.revoked;
  }

  get lost(): AbortSignal {
    return this.#options.assigned.lost;
  }

  get committed(): number {
    return this.#committed;
  }

  /** Messages that are in the topic and not committed yet; null before the first fetch. Gaps count, too. */
  get lag(): number | null {
    const { lag, position } = this.#options.assigned;
    return lag === null ? null : lag + Math.max(0, position - this.#committed);
  }

  seek(sequence: number): void {
    if (this.#rows !== undefined)
      throw new SluiceError('CONTRACT_BROKEN', 'a partition was to be moved after it had been read');
    this.#start = sequence;
    this.#at = sequence;
    this.#next = sequence;
    this.#committed = sequence;
  }

  async next(signal: AbortSignal): Promise<LinkRecord<RowBatch>> {
    const { assigned, limits, clock, until } = this.#options;
    if (this.#ended) throw new SluiceError('CONTRACT_BROKEN', 'a partition was read past its end');
    const both = this.#either(signal);
    both.throwIfAborted();
    const rows = (this.#rows ??= await this.#begin(both));
    let deadline: number | undefined;
    // What came while the holder was busy with the batch before has lingered for as long.
    const since = rows.empty ? assigned.waitingSince : null;
    for (;;) {
      if (rows.fill(limits)) return this.#batch(rows);
      if (this.#head < this.#unread.length) {
        await this.#readSome(rows, both);
        continue;
      }
      if (until !== null && Math.max(this.#next, this.#position) >= until)
        return rows.empty ? this.#end(until) : this.#batch(rows);
      if (rows.empty) await this.#fetch(limits.bytes, signal, until === null ? undefined : LOOK_MS);
      else {
        const now = clock.now();
        deadline ??= now + limits.lingerMs;
        if (now >= deadline) return this.#batch(rows);
        await this.#fetch(limits.bytes, signal, deadline - now);
      }
      if (this.#head < this.#unread.length) deadline ??= (since ?? clock.now()) + limits.lingerMs;
    }
  }

  async commit(sequence: number): Promise<void> {
    if (this.lost.aborted) {
      throw new SluiceError(
        'KAFKA_FENCED',
        `${this.#name} is read by another member of the group now; nothing more is committed for it`,
      );
    }
    this.#committed = Math.max(this.#committed, sequence);
    if (this.#options.commitOffsets) this.#commits.add(sequence);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  get #name(): string {
    const { topic, partition } = this.#options.assigned;
    return `${topic}/${partition}`;
  }

  /** Where the partition stands, gaps and transaction markers included; before the first fetch where it begins. */
  get #position(): number {
    return this.#options.assigned.position;
  }

  async #begin(both: AbortSignal): Promise<TopicRows> {
    const { assigned } = this.#options;
    if (this.#start !== assigned.start) {
      await this.#assertReached(both);
      assigned.seek(this.#start);
    }
    return new TopicRows(this.#name, this.#start);
  }

  /** Whoever has written up to an offset has read up to it: where the log ends before, other messages will stand below it. */
  async #assertReached(both: AbortSignal): Promise<void> {
    const high = await abortable(this.#options.high(), both);
    if (this.#start <= high) return;
    throw new SluiceError(
      'INTAKE_CHANGED',
      `${this.#name}: messages below offset ${this.#start} are done with, but the partition ends at ${high}: it has lost messages, or was made anew. ` +
        'Those that come below that offset would be passed over. Set the offsets of the group back to where it shall go on ' +
        '(kafka-consumer-groups.sh --reset-offsets), and write parts to another place; or read with another group',
    );
  }

  async #fetch(maxBytes: number, signal: AbortSignal, waitMs: number | undefined): Promise<void> {
    const until = this.#options.until ?? Number.POSITIVE_INFINITY;
    if (this.#head === this.#unread.length) {
      this.#unread = [];
      this.#head = 0;
    }
    const { admit } = this.#options;
    for (const message of await this.#options.assigned.poll(maxBytes, signal, waitMs)) {
      // What comes twice from a client that fetches again is one message all the same.
      if (message.offset < this.#next) continue;
      this.#next = message.offset + 1;
      if (message.offset >= until) continue;
      const admitted = admit === undefined ? message : admit(message);
      if (admitted !== null) this.#unread.push(admitted);
    }
  }

  async #readSome(rows: TopicRows, both: AbortSignal): Promise<void> {
    const { limits, messages, clock } = this.#options;
    const onWait = (reason: string | null): void => this.#wait(reason);
    const some = this.#unread.slice(this.#head, this.#head + limits.rows);
    // A holder that neither asks nor commits is taken for stuck. One message at a time is little memory for the wait.
    const onTry = (): Promise<void> => this.#fetch(1, both, 0);
    rows.push(some, await readPatiently(messages, some, { clock, onWait, onTry }, both));
    this.#head += some.length;
  }

  #wait(reason: string | null): void {
    this.#waits = reason !== null;
    this.#options.onWait(reason);
  }

  #batch(rows: TopicRows): LinkRecord<RowBatch> {
    const value = rows.take();
    const sequence = this.#at;
    this.#at = value.origin.position as number;
    this.#read += value.rows + value.origin.rejected.length;
    return { kind: 'batch', sequence, value };
  }

  #end(until: number): LinkRecord<RowBatch> {
    this.#ended = true;
    return { kind: 'end', sequence: Math.max(until, this.#at), read: this.#read, complete: true };
  }

  /** A signal that aborts by the caller's or by the revocation; kept, as each one made is listened to for ever. */
  #either(signal: AbortSignal): AbortSignal {
    if (this.#signals?.of !== signal)
      this.#signals = { of: signal, both: AbortSignal.any([signal, this.revoked, this.lost]) };
    return this.#signals.both;
  }

  async #dispose(): Promise<void> {
    const { assigned, until, onDisposed } = this.#options;
    try {
      // Behind the last message may be nothing but gaps. They are committed here even where a writer's transactions hold the
      // offsets: the other members of the group see by it that this partition is done.
      if (this.#ended && this.#committed >= this.#at && !this.lost.aborted)
        this.#commits.add(Math.max(until ?? 0, this.#at));
      await this.#commits.close(this.lost);
    } finally {
      if (this.#waits) this.#wait(null);
      try {
        await assigned[Symbol.asyncDispose]();
      } finally {
        onDisposed(this.#ended && (!this.revoked.aborted || this.#committed >= this.#at));
      }
    }
  }
}
