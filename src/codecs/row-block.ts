import { LF, QUOTE } from '../core/canonical-csv.ts';
import { RecycledBuffers } from '../core/recycled-buffers.ts';

/** Blocks that are kept to be used again, and their size: that of a batch of the default size with short rows. */
const BLOCK_BYTES = 512 * 1024;
const SPARE_BLOCKS = 16;
const NOTHING: Buffer<ArrayBuffer> = Buffer.alloc(0);

/** The canonical records of a batch while it grows, in memory that is used again once the batch was released. */
export class RowBlock {
  readonly #spare = new RecycledBuffers(BLOCK_BYTES, SPARE_BLOCKS);
  /** Where to write; another buffer after `reserve` and `take`. */
  bytes: Buffer<ArrayBuffer> = NOTHING;
  /** The next byte to write. */
  at = 0;

  /** Makes room for so many bytes at `at`. */
  reserve(length: number): void {
    if (this.at + length <= this.bytes.length) return;
    const block = this.#spare.take(this.at === 0 ? length : 2 * (this.at + length));
    const bytes = Buffer.from(block.buffer);
    bytes.set(this.bytes.subarray(0, this.at));
    if (this.bytes !== NOTHING) this.#spare.give(new Uint8Array(this.bytes.buffer));
    this.bytes = bytes;
  }

  /** Ends the record that was written from `start` on, with its LF; there is room for three bytes. */
  endRecord(start: number): void {
    const { bytes } = this;
    // A record of a single null: an empty line would be none.
    if (this.at === start) {
      bytes[this.at++] = QUOTE;
      bytes[this.at++] = QUOTE;
    }
    bytes[this.at++] = LF;
  }

  /** The records; the block is empty then. `release` is to be called, at most once, when nobody reads them any more. */
  take(): { readonly bytes: Uint8Array; readonly release: () => void } {
    const whole = new Uint8Array(this.bytes.buffer);
    const bytes = whole.subarray(0, this.at);
    this.bytes = NOTHING;
    this.at = 0;
    return { bytes, release: () => this.#spare.give(whole) };
  }
}
