import type { Clock } from '../../../core/clock.ts';
import { findSluiceError } from '../../../core/error.ts';
import type { ErrorCode } from '../../../core/error-table.ts';

const EVERY_MS = 500;

/**
 * The offset commits of one partition: merged, at most one in 500 ms, one at a time, never back. A commit that fails is reported
 * by the next call; what it stood for is read again at worst.
 */
export class TopicCommits {
  readonly #commit: (offset: number) => Promise<void>;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #wanted = -1;
  #done = -1;
  #last = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  #fault: { readonly error: unknown } | undefined;

  constructor(commit: (offset: number) => Promise<void>, clock: Clock) {
    this.#commit = commit;
    this.#clock = clock;
  }

  /** Has the offset committed soon. Throws the error of an earlier commit. */
  add(offset: number): void {
    this.#throwFault();
    this.#wanted = Math.max(this.#wanted, offset);
    if (this.#wanted > this.#done) this.#running ??= this.#run();
  }

  /** Commits what is left, at once; nothing when the partition is `lost`, as it is somebody else's then. */
  async close(lost: AbortSignal): Promise<void> {
    this.#closing.abort();
    await this.#running;
    if (lost.aborted || this.#wanted <= this.#done) return;
    this.#fault = undefined;
    await this.#flush();
    this.#throwFault('KAFKA_FENCED');
  }

  async #run(): Promise<void> {
    while (this.#wanted > this.#done && this.#fault === undefined && !this.#closing.signal.aborted) {
      const wait = this.#last + EVERY_MS - this.#clock.now();
      if (wait > 0 && !(await this.#slept(wait))) break;
      await this.#flush();
    }
    this.#running = undefined;
  }

  async #flush(): Promise<void> {
    const offset = this.#wanted;
    this.#last = this.#clock.now();
    try {
      await this.#commit(offset);
      this.#done = offset;
    } catch (error) {
      this.#fault = { error };
    }
  }

  async #slept(ms: number): Promise<boolean> {
    try {
      await this.#clock.sleep(ms, this.#closing.signal);
      return true;
    } catch {
      return false;
    }
  }

  /** @param but not this one: fenced between the look at `lost` and the commit, the next holder begins at what was committed. */
  #throwFault(but?: ErrorCode): void {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault !== undefined && (but === undefined || findSluiceError(fault.error)?.code !== but)) throw fault.error;
  }
}
