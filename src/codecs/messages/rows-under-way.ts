import { LF, QUOTE } from '../../core/canonical-csv.ts';
import type { MessageRows } from '../../core/message-format.ts';
import type { Schema } from '../../core/schema.ts';

/** The rows of the messages of one call while they are written, cut into runs where the schema changes. */
export class RowsUnderWay {
  readonly #runs: MessageRows[] = [];
  readonly #ends: Uint32Array;
  readonly #messages: Uint32Array;
  #rows = 0;
  /** Where the run under way starts: in `bytes`, and among the rows. */
  #start = 0;
  #firstRow = 0;
  /** The block to write to; another one after `reserve`. */
  bytes: Buffer<ArrayBuffer>;
  /** The next byte to write. */
  at = 0;

  /** @param size bytes that the rows will probably have. */
  constructor(messages: number, size: number) {
    this.#ends = new Uint32Array(messages);
    this.#messages = new Uint32Array(messages);
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** Makes room for so many bytes at `at`. */
  reserve(length: number): void {
    if (this.at + length <= this.bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(2 * (this.at - this.#start + length));
    bytes.set(this.bytes.subarray(this.#start, this.at));
    this.bytes = bytes;
    this.at -= this.#start;
    this.#start = 0;
  }

  /** Ends the row that was written behind the last one, with its LF; there is room for three bytes. */
  endRow(message: number): void {
    const row = this.#rows;
    const start = row === this.#firstRow ? this.#start : this.#ends[row - 1]! + this.#start;
    // A record of a single null: an empty line would be none.
    if (this.at === start) {
      this.bytes.fill(QUOTE, start, start + 2);
      this.at += 2;
    }
    this.bytes[this.at] = LF;
    this.at += 1;
    this.#ends[row] = this.at - this.#start;
    this.#messages[row] = message;
    this.#rows += 1;
  }

  /** Ends the run of the rows so far, if there are any. */
  cut(schema: Schema): void {
    if (this.#rows === this.#firstRow) return;
    this.#runs.push({
      schema,
      bytes: this.bytes.subarray(this.#start, this.at),
      ends: this.#ends.subarray(this.#firstRow, this.#rows),
      messages: this.#messages.subarray(this.#firstRow, this.#rows),
    });
    this.#firstRow = this.#rows;
    this.#start = this.at;
  }

  /** All runs; the last one was cut. */
  get runs(): readonly MessageRows[] {
    return this.#runs;
  }
}
