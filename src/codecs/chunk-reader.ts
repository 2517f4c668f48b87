import type { Clock } from '../core/clock.ts';

/** Nobody sees it; a reason given saves making an error with a stack for each chunk. */
const TIMER_ENDED = 'the chunk came in time';

/**
 * Reads the chunks of a stream one by one, so that a wait can end for three reasons: a chunk came, the caller
 * would wait no longer, or the job was aborted. A chunk that came too late is returned by the next call.
 */
export class ChunkReader<T = Uint8Array> {
  readonly #iterator: AsyncIterator<T>;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #next: Promise<IteratorResult<T>> | null = null;

  constructor(chunks: AsyncIterable<T>, clock: Clock, signal: AbortSignal) {
    this.#iterator = chunks[Symbol.asyncIterator]();
    this.#clock = clock;
    this.#signal = signal;
  }

  /**
   * The next chunk, or null at the end. Rejects with the signal's reason on abort, and with the stream's error.
   * @param patienceMs how long to wait, in milliseconds; `late` when the chunk has not come by then.
   */
  async next(patienceMs: number): Promise<T | null | 'late'> {
    const signal = this.#signal;
    signal.throwIfAborted();
    const pending = (this.#next ??= this.#iterator.next());
    const { promise: interrupted, resolve, reject } = Promise.withResolvers<'late'>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const timer = patienceMs === Number.POSITIVE_INFINITY ? null : new AbortController();
    if (timer !== null) {
      this.#clock.sleep(patienceMs, timer.signal).then(
        () => resolve('late'),
        () => undefined,
      );
    }
    try {
      const first = await Promise.race([pending, interrupted]);
      if (first === 'late') return 'late';
      this.#next = null;
      return first.done === true ? null : first.value;
    } finally {
      signal.removeEventListener('abort', abort);
      timer?.abort(TIMER_ENDED);
    }
  }

  /** Ends the stream. Waits for it to free what it holds, unless a chunk is still awaited, which may never come. */
  async close(): Promise<void> {
    const closing = this.#iterator.return?.();
    if (this.#next === null) await closing;
    else closing?.catch(() => undefined);
  }
}
