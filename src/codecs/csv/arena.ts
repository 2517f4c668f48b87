import type { RecycledBuffers } from '../../core/recycled-buffers.ts';

/** A block of memory that batches are views of. It is given back once it is full and each of them was released. */
export class Arena {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #spare: RecycledBuffers;
  /** Batches that are not released yet, and one for the writer. */
  #users = 1;

  constructor(bytes: Uint8Array<ArrayBuffer>, spare: RecycledBuffers) {
    this.bytes = bytes;
    this.#spare = spare;
  }

  /** Somebody has a view. Returns what is to be called, once, when he has it no more. */
  lend(): () => void {
    this.#users += 1;
    return () => this.#leave();
  }

  /** Nothing is written here any more; called once. */
  retire(): void {
    this.#leave();
  }

  #leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#spare.give(this.bytes);
  }
}
