import type { Gunzip, ZstdDecompress } from 'node:zlib';

/**
 * Feeds one gzip member or zstd frame, or several, to an engine of node:zlib, and tells how much of the input it took.
 * Node's own streams cannot be used as they are: with Node 24 a zstd stream ends, without an error, at the first
 * frame whose successor begins in the same chunk, and a gzip stream at the first zero byte behind a member.
 */
export class MemberInflater implements Disposable {
  readonly #engine: Gunzip | ZstdDecompress;
  #failure: unknown;
  #wake: () => void = () => undefined;

  constructor(engine: Gunzip | ZstdDecompress) {
    this.#engine = engine;
    engine.on('readable', () => this.#wake());
    engine.on('error', (error) => {
      this.#failure = error;
      this.#wake();
    });
  }

  /**
   * Yields what comes out for `input`, which must stay as it is meanwhile, and returns how many bytes were taken: fewer than
   * all when the member ended within. It takes nothing more then.
   */
  async *feed(input: Uint8Array): AsyncGenerator<Uint8Array, number> {
    const before = this.#engine.bytesWritten;
    yield* this.#drain((done) => this.#engine.write(input, done));
    return this.#engine.bytesWritten - before;
  }

  /** Yields the rest, when the input has ended. Throws the engine's error when the member has not. */
  async *finish(): AsyncGenerator<Uint8Array, void> {
    yield* this.#drain((done) => {
      this.#engine.once('end', done);
      // Not end's own callback: it comes before the engine has looked whether its data is complete.
      this.#engine.end();
    });
  }

  [Symbol.dispose](): void {
    this.#engine.destroy();
  }

  async *#drain(start: (done: () => void) => void): AsyncGenerator<Uint8Array, void> {
    let settled = false;
    start(() => {
      settled = true;
      this.#wake();
    });
    for (;;) {
      const output: unknown = this.#engine.read();
      if (output instanceof Uint8Array) {
        yield output;
        continue;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (settled) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
