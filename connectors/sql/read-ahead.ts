/**
 * Chunks that are read before anybody asks for them, as many bytes as may be; then the reading waits. The chunks are copied: whoever
 * made them uses theirs again.
 */
export class ReadAhead implements AsyncDisposable {
  readonly #most: number;
  readonly #queue: Uint8Array[] = [];
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  #bytes = 0;
  #state: 'reading' | 'ended' | { readonly error: unknown } = 'reading';
  #wake: () => void = () => undefined;

  /** @param read begins the reading; its signal aborts when nobody wants the rest. */
  constructor(read: (signal: AbortSignal) => AsyncIterable<Uint8Array>, most: number) {
    this.#most = most;
    this.#done = this.#fill(read(this.#stopping.signal));
  }

  /** What was read, and then the rest. Called once. */
  async *chunks(signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const onAbort = (): void => this.#turn();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        const chunk = this.#queue.shift();
        if (chunk !== undefined) {
          this.#bytes -= chunk.length;
          this.#turn();
          yield chunk;
        } else if (this.#state === 'ended') return;
        else if (this.#state === 'reading') await this.#turned();
        else throw this.#state.error;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      await this[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#turn();
    await this.#done;
  }

  async #fill(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of chunks) {
        this.#queue.push(chunk.slice());
        this.#bytes += chunk.length;
        this.#turn();
        while (this.#bytes >= this.#most && !this.#stopping.signal.aborted) await this.#turned();
        if (this.#stopping.signal.aborted) break;
      }
      this.#state = 'ended';
    } catch (error) {
      this.#state = { error };
    }
    this.#turn();
  }

  #turn(): void {
    const wake = this.#wake;
    this.#wake = () => undefined;
    wake();
  }

  /** Until something has changed. Both sides never wait at once: one of them waits for an empty queue, the other for a full one. */
  #turned(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
