import type { Clock } from '../../../core/clock.ts';
import { findSluiceError, type SluiceError } from '../../../core/error.ts';
import { WriterRequests } from './writer-requests.ts';
import { retryPause } from './writer-retry.ts';

/** Records that become durable together, and what that means to whom they belong. */
export interface WriterPiece<M> {
  readonly requests: WriterRequests;
  /** How far everything is done once this piece is durable. */
  readonly mark: M;
  /** Called when nobody needs the memory of the records any more. */
  readonly release?: (() => void) | undefined;
}

export interface GroupCommitLimits {
  /** Pieces in one commit. */
  readonly maxPieces: number;
  /** Bytes of records for one partition in one request; below the broker's message.max.bytes (1 MiB by default). */
  readonly maxRequestBytes: number;
  /** Bytes of records for one partition in one commit, in as many requests. */
  readonly maxCommitBytes: number;
  /** Bytes that are accepted and not durable, above which `room` waits. */
  readonly maxPendingBytes: number;
  /** Milliseconds that are waited at the most for others to go together with what was pushed. 0: none are. */
  readonly maxRestMs: number;
}

/** What is written so seldom that nobody should wait for more. */
const TRICKLE_BYTES = 64 * 1024;

/** Of commits that are transactions: one costs a broker about the same with three requests as with one. */
export const TRANSACTION_LIMITS = { maxPieces: 1_024, maxCommitBytes: 2_100_000, maxRestMs: 100 } as const;

export interface GroupCommitOptions<M> {
  /** Makes a group durable. A retryable rejection (but KAFKA_FENCED) is tried again with the same group. */
  readonly commit: (requests: WriterRequests, mark: M, signal: AbortSignal) => Promise<void>;
  readonly onDurable: (mark: M) => void;
  /** Told once why nothing can be made durable any more; whoever pushes or waits later is told as well. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** Told of a failure that is waited for; undefined when it is over. */
  readonly onWait: (error: SluiceError | undefined) => void;
  readonly limits: GroupCommitLimits;
  readonly clock: Clock;
}

/**
 * Pieces in order, made durable by commits one after the other: as soon as one has ended the next takes everything that was
 * pushed meanwhile. So a piece that comes alone is committed at once, and under load groups grow by themselves; where a commit costs much
 * whatever it holds, each is followed by a rest as long as it took, by which half as many hold twice as much.
 */
export class GroupCommits<M> {
  readonly #options: GroupCommitOptions<M>;
  readonly #stopping = new AbortController();
  readonly #waiters = new Set<() => void>();
  #queue: WriterPiece<M>[] = [];
  #pendingBytes = 0;
  #running = false;
  /** By the clock: the next commit is not begun before. */
  #restUntil = 0;
  #failure: unknown;

  constructor(options: GroupCommitOptions<M>) {
    this.#options = options;
  }

  /** Why nothing can be made durable any more. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Waits until something can be accepted. Rejects with the reason of the signal, or with why nothing can be made durable any more. */
  async room(signal: AbortSignal): Promise<void> {
    const { maxPendingBytes } = this.#options.limits;
    await this.#until(() => this.#pendingBytes < maxPendingBytes, signal);
  }

  /** Accepts pieces. Throws why nothing can be made durable any more: what follows a lost piece must not become durable without it. */
  push(pieces: readonly WriterPiece<M>[]): void {
    if (this.#failure !== undefined) throw this.#failure;
    for (const piece of pieces) {
      this.#queue.push(piece);
      this.#pendingBytes += piece.requests.bytes;
    }
    if (!this.#running && this.#queue.length > 0) {
      this.#running = true;
      void this.#run();
    }
  }

  /** Waits until everything that was accepted is durable. Rejects as `room` does. */
  flush(signal: AbortSignal): Promise<void> {
    return this.#until(() => !this.#running, signal);
  }

  /** Gives up at once what is not durable: whoever waits is rejected with `reason`, and `commit`'s signal aborts. */
  stop(reason: unknown): void {
    this.#failure ??= reason;
    this.#queue = [];
    this.#stopping.abort(reason);
    this.#wake();
  }

  async #run(): Promise<void> {
    const { onDurable, clock } = this.#options;
    try {
      while (this.#queue.length > 0) {
        const rest = this.#restUntil - clock.now();
        if (rest > 0) await clock.sleep(rest, this.#stopping.signal);
        const began = clock.now();
        const { requests, pieces } = this.#nextGroup();
        const { mark } = pieces.at(-1)!;
        await this.#commit(requests, mark);
        if (this.#failure !== undefined) return;
        this.#rest(requests.bytes, clock.now() - began);
        this.#pendingBytes -= requests.bytes;
        onDurable(mark);
        for (const piece of pieces) piece.release?.();
        this.#wake();
      }
    } catch (error) {
      if (this.#failure === undefined) {
        this.#failure = error;
        this.#options.onFailure?.(error);
      }
      this.#queue = [];
    } finally {
      this.#running = false;
      this.#wake();
    }
  }

  /** After a commit that held more than what a trickle of rows does. */
  #rest(bytes: number, ms: number): void {
    if (bytes > TRICKLE_BYTES)
      this.#restUntil = this.#options.clock.now() + Math.min(ms, this.#options.limits.maxRestMs);
  }

  #nextGroup(): { readonly requests: WriterRequests; readonly pieces: readonly WriterPiece<M>[] } {
    const { maxPieces, maxRequestBytes, maxCommitBytes } = this.#options.limits;
    const requests = new WriterRequests();
    let count = 0;
    while (count < maxPieces && count < this.#queue.length) {
      const piece = this.#queue[count]!;
      if (!requests.takes(piece.requests, maxCommitBytes)) break;
      requests.addAll(piece.requests, maxRequestBytes);
      count += 1;
    }
    return { requests, pieces: this.#queue.splice(0, count) };
  }

  async #commit(requests: WriterRequests, mark: M): Promise<void> {
    const { commit, clock, onWait } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await commit(requests, mark, signal);
        if (attempt > 0) onWait(undefined);
        return;
      } catch (error) {
        const fault = findSluiceError(error);
        if (signal.aborted || !fault?.retryable || fault.code === 'KAFKA_FENCED') throw error;
        onWait(fault);
        await clock.sleep(retryPause(attempt, clock), signal);
      }
    }
  }

  async #until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure;
      if (condition()) return;
      await this.#change(signal);
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
  }
}
