import { LF } from '../../core/canonical-csv.ts';

const FIRST_BYTES = 256 * 1024;

/** Bytes of a stream that were not used yet, and where their lines end. Everything before the next line is forgotten when more comes. */
export class LineBuffer {
  #bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #start = 0;
  #filled = 0;
  /** No LF is between `#start` and here. */
  #searched = 0;
  /** The offset in the stream of `#bytes[0]`. */
  #origin: number;
  /** Offset of the end of the stream once it is known: a line end that is added does not count. */
  #end = Number.POSITIVE_INFINITY;

  /** @param offset in the stream of what is appended first. */
  constructor(offset: number) {
    this.#origin = offset;
  }

  /** Another buffer after `append`. */
  get bytes(): Buffer<ArrayBuffer> {
    return this.#bytes;
  }

  /** Where in `bytes` the next line starts. */
  get start(): number {
    return this.#start;
  }

  /** The offset in the stream of the next line. */
  get offset(): number {
    return Math.min(this.#end, this.#origin + this.#start);
  }

  /** Bytes that are there from the next line on. */
  get length(): number {
    return this.#filled - this.#start;
  }

  get finished(): boolean {
    return this.#end !== Number.POSITIVE_INFINITY;
  }

  /** Copies a chunk. */
  append(chunk: Uint8Array): void {
    if (this.#filled + chunk.length >= this.#bytes.length) this.#makeRoom(chunk.length + 1);
    this.#bytes.set(chunk, this.#filled);
    this.#filled += chunk.length;
    // Whoever looks for the end of a line finds it here, and not by looking through the rest of the buffer.
    this.#bytes[this.#filled] = LF;
  }

  /** Says that the stream has ended; a missing last line end is added. */
  finish(): void {
    this.#end = this.#origin + this.#filled;
    if (this.#filled > this.#start && this.#bytes[this.#filled - 1] !== LF) this.append(Uint8Array.of(LF));
  }

  /** Where in `bytes` the LF stands that ends the line which starts at `from`; -1 when it has not come. */
  endOf(from: number): number {
    const end = this.#bytes.indexOf(LF, Math.max(from, this.#searched));
    if (end >= 0 && end < this.#filled) return end;
    this.#searched = this.#filled;
    return -1;
  }

  /** The next line starts at `at`. */
  moveTo(at: number): void {
    this.#start = at;
    this.#searched = at;
  }

  #makeRoom(length: number): void {
    const kept = this.length;
    const target = 2 * (kept + length) > this.#bytes.length ? Buffer.allocUnsafeSlow(3 * (kept + length)) : this.#bytes;
    this.#bytes.copy(target, 0, this.#start, this.#filled);
    this.#bytes = target;
    this.#origin += this.#start;
    this.#searched = Math.max(0, this.#searched - this.#start);
    this.#filled = kept;
    this.#start = 0;
  }
}
