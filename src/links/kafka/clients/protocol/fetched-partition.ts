import type { Clock } from '../../../../core/clock.ts';
import type { Envelope } from '../../../../core/envelope.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { AssignedPartition } from '../../client.ts';

/** What a partition needs of the consumer it belongs to. */
export interface PartitionOwner {
  readonly clock: Clock;
  readonly bufferBytes: number;
  /** There may be something to fetch now. */
  wake(): void;
  /** Finds out whether this member was silent for too long, before anything is given or committed. */
  check(): void;
  commit(partition: FetchedPartition, offset: number): Promise<void>;
  released(): void;
}

/** Failures in a row. */
export interface FetchFailures {
  readonly since: number;
  /** Since when all of them have been that there is no such partition; null: the last one was another. */
  readonly missingSince: number | null;
}

const smallestFetch = 64 * 1024;
const largestFetch = 8 * 1024 * 1024;

/** A partition with its queue: the fetcher fills it, the holder polls it. */
export class FetchedPartition implements AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  readonly #owner: PartitionOwner;
  readonly #revoked = new AbortController();
  readonly #lost = new AbortController();
  #queue: Envelope[] = [];
  #head = 0;
  #queuedBytes = 0;
  #waitingSince: number | null = null;
  #fetchOffset: number;
  #end: number | null = null;
  #started = false;
  #released = false;
  #failure: unknown = null;
  #arrival: (() => void) | null = null;
  /** When the holder last asked or committed; null while it has nothing. */
  #busySince: number | null = null;
  /** Whether a request for it is under way. */
  fetching = false;
  /** A broker to read from instead of the leader, and until when before the leader is asked again. */
  replica: { readonly broker: number; readonly until: number } | null = null;
  /** While fetching it only fails. */
  failing: FetchFailures | null = null;

  constructor(owner: PartitionOwner, topic: string, partition: number, start: number) {
    this.#owner = owner;
    this.topic = topic;
    this.partition = partition;
    this.start = start;
    this.#fetchOffset = start;
  }

  get revoked(): AbortSignal {
    return this.#revoked.signal;
  }

  get lost(): AbortSignal {
    // Whoever wakes up from a long stop and looks here first sees it, though no timer of ours has run yet.
    if (!this.#lost.signal.aborted) this.#owner.check();
    return this.#lost.signal;
  }

  get lag(): number | null {
    return this.#end === null ? null : Math.max(0, this.#end - this.#fetchOffset);
  }

  get waitingSince(): number | null {
    return this.#waitingSince;
  }

  get position(): number {
    return this.#queue[this.#head]?.offset ?? this.#fetchOffset;
  }

  get released(): boolean {
    return this.#released;
  }

  get fetchOffset(): number {
    return this.#fetchOffset;
  }

  /** The bytes that a fetch may bring; never less than a useful piece. */
  get room(): number {
    return Math.min(largestFetch, Math.max(smallestFetch, this.#owner.bufferBytes - this.#queuedBytes));
  }

  get full(): boolean {
    return this.#started && this.#queuedBytes >= this.#owner.bufferBytes;
  }

  get hungry(): boolean {
    return this.#started && !this.fetching && !this.full && !this.#released && !this.#revoked.signal.aborted;
  }

  seek(offset: number): void {
    if (this.#started) {
      throw new SluiceError(
        'CONTRACT_BROKEN',
        `partition ${this.partition} of ${this.topic} was moved after its first poll`,
      );
    }
    this.#fetchOffset = offset;
  }

  async poll(maxBytes: number, signal: AbortSignal, waitMs?: number): Promise<readonly Envelope[]> {
    this.#started = true;
    this.#busySince = null;
    this.#owner.check();
    this.#refuse(signal);
    if (this.#head === this.#queue.length) {
      this.#owner.wake();
      await this.#wait(signal, waitMs);
      this.#refuse(signal);
    }
    const taken = this.#take(maxBytes);
    if (taken.length > 0) this.#busySince = this.#owner.clock.now();
    this.#owner.wake();
    return taken;
  }

  async commit(offset: number): Promise<void> {
    this.#owner.check();
    this.#lost.signal.throwIfAborted();
    if (this.#released) {
      throw new SluiceError(
        'KAFKA_FENCED',
        `partition ${this.partition} of ${this.topic} was given back, and may be somebody else's`,
      );
    }
    if (this.#busySince !== null) this.#busySince = this.#owner.clock.now();
    await this.#owner.commit(this, offset);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#drop();
    this.#arrival?.();
    this.#owner.released();
  }

  /** Whether the holder has had records for so long without a sign of life. */
  stuck(now: number, stuckMs: number): boolean {
    return !this.#released && this.#busySince !== null && now - this.#busySince > stuckMs;
  }

  /** What was fetched. */
  add(messages: readonly Envelope[], next: number, end: number): void {
    // Whoever was on the way when it was revoked stands behind what was dropped.
    if (this.#released || this.#revoked.signal.aborted) return;
    this.#fetchOffset = next;
    this.#end = end;
    if (messages.length === 0) return;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
    for (const message of messages) {
      this.#queue.push(message);
      this.#queuedBytes += bytesOf(message);
    }
    this.#waitingSince ??= this.#owner.clock.now();
    this.#arrival?.();
  }

  /** Goes on elsewhere: what it wanted is not there any more. */
  move(offset: number): void {
    this.#fetchOffset = offset;
  }

  revoke(reason: unknown): void {
    if (this.#revoked.signal.aborted) return;
    this.#revoked.abort(reason);
    this.#drop();
    this.#arrival?.();
  }

  lose(reason: unknown): void {
    this.revoke(reason);
    if (!this.#lost.signal.aborted) this.#lost.abort(reason);
  }

  /** Polls reject with it from now on. */
  fail(reason: unknown): void {
    this.#failure ??= reason;
    this.#arrival?.();
  }

  #refuse(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#failure !== null) throw this.#failure;
    this.#revoked.signal.throwIfAborted();
    if (this.#released) {
      throw new SluiceError('CONTRACT_BROKEN', `partition ${this.partition} of ${this.topic} was polled after its end`);
    }
  }

  async #wait(signal: AbortSignal, waitMs: number | undefined): Promise<void> {
    const timer = new AbortController();
    await new Promise<void>((resolve) => {
      const done = (): void => resolve();
      this.#arrival = done;
      signal.addEventListener('abort', done, { once: true });
      if (waitMs !== undefined) void this.#alarm(waitMs, timer.signal, done);
      timer.signal.addEventListener('abort', () => signal.removeEventListener('abort', done), { once: true });
    });
    this.#arrival = null;
    timer.abort();
  }

  async #alarm(ms: number, signal: AbortSignal, ring: () => void): Promise<void> {
    await this.#owner.clock.sleep(ms, signal).catch(() => undefined);
    ring();
  }

  #take(maxBytes: number): readonly Envelope[] {
    const from = this.#head;
    for (let bytes = 0; this.#head < this.#queue.length; this.#head += 1) {
      const message = this.#queue[this.#head];
      if (message === undefined) break;
      bytes += message.value?.length ?? 0;
      if (this.#head > from && bytes > maxBytes) break;
      this.#queuedBytes -= bytesOf(message);
    }
    const taken = this.#queue.slice(from, this.#head);
    this.#waitingSince = this.#head === this.#queue.length ? null : this.#owner.clock.now();
    // What was given must not be held here, and what is left must not be copied at every poll.
    if (this.#head > 4_096 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }

  #drop(): void {
    const next = this.#queue[this.#head];
    if (next !== undefined) this.#fetchOffset = next.offset;
    this.#queue = [];
    this.#head = 0;
    this.#queuedBytes = 0;
    this.#waitingSince = null;
  }
}

/** A little more than the values, so that a topic of empty ones is bounded too. */
function bytesOf(message: Envelope): number {
  return 16 + (message.key?.length ?? 0) + (message.value?.length ?? 0);
}
