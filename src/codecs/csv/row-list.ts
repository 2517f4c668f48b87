import { linesFrom } from '../../core/lines-from.ts';
import { RecycledBuffers } from '../../core/recycled-buffers.ts';

/** Ends of a batch of the default size with short rows; those of longer batches are not kept. */
const ENDS_BYTES = 32 * 1024;
const SPARE_ENDS = 32;

/** Where the rows of a batch end, and the lines on which they start, while the batch grows. */
export class RowList {
  readonly #spare = new RecycledBuffers(ENDS_BYTES, SPARE_ENDS);
  #ends = new Uint32Array(1024);
  #length = 0;
  #firstLine = 0;
  /** Null as long as each row starts on the line behind that of the row before it. */
  #lines: number[] | null = null;

  get length(): number {
    return this.#length;
  }

  push(end: number, line: number): void {
    if (this.#length === this.#ends.length) this.#grow(this.#length + 1);
    if (this.#length === 0) this.#firstLine = line;
    else if (this.#lines === null && line !== this.#firstLine + this.#length) {
      this.#lines = Array.from({ length: this.#length }, (_, i) => this.#firstLine + i);
    }
    this.#lines?.push(line);
    this.#ends[this.#length] = end;
    this.#length += 1;
  }

  /** Rows of one line each, the first on `line`. @param ends offsets counted from `base`. */
  pushRun(ends: Uint32Array, base: number, line: number): void {
    const from = this.#length;
    if (from + ends.length > this.#ends.length) this.#grow(from + ends.length);
    const own = this.#ends;
    if (from === 0 && base === 0) own.set(ends);
    else for (let i = 0; i < ends.length; i += 1) own[from + i] = ends[i]! + base;
    if (from === 0) this.#firstLine = line;
    else if (this.#lines === null && line !== this.#firstLine + from) {
      this.#lines = Array.from({ length: from }, (_, i) => this.#firstLine + i);
    }
    if (this.#lines !== null) for (let i = 0; i < ends.length; i += 1) this.#lines.push(line + i);
    this.#length += ends.length;
  }

  /**
   * The ends, and the lines, made when somebody asks; the list is empty then.
   * `release` is to be called, once, when nobody reads the ends any more, if somebody can tell.
   */
  take(): { readonly ends: Uint32Array; readonly lines: Float64Array; readonly release: () => void } {
    const bytes = 4 * this.#length;
    // A short list is not worth a block.
    const block = bytes < ENDS_BYTES / 4 ? null : this.#spare.take(bytes);
    const ends = block === null ? new Uint32Array(this.#length) : new Uint32Array(block.buffer, 0, this.#length);
    ends.set(this.#ends.subarray(0, this.#length));
    const release = (): void => {
      if (block !== null) this.#spare.give(block);
    };
    const first = this.#firstLine;
    const given = this.#lines;
    let made: Float64Array | null = null;
    this.#length = 0;
    this.#lines = null;
    return {
      ends,
      release,
      // Hardly ever asked for: only messages and dead letters name lines.
      get lines() {
        made ??= given === null ? linesFrom(first, ends.length) : Float64Array.from(given);
        return made;
      },
    };
  }

  #grow(rows: number): void {
    const ends = new Uint32Array(Math.max(rows, this.#ends.length * 2));
    ends.set(this.#ends);
    this.#ends = ends;
  }
}
