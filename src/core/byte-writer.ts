const encoder = new TextEncoder();

/** Bytes that grow at their end: replies are put together here, so that cells of a request go into them untouched. */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(room: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(256, room));
  }

  /** What was written so far; a view. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  /** Text of ASCII characters only, such as numbers. */
  ascii(text: string): void {
    this.#reserve(text.length);
    // For the short texts that there are, this loop is faster than a call of Buffer.write.
    for (let i = 0; i < text.length; i += 1) this.#bytes[this.#length + i] = text.charCodeAt(i);
    this.#length += text.length;
  }

  text(text: string): void {
    this.#reserve(3 * text.length);
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    for (let i = start; i < end; i += 1) this.#bytes[this.#length + i - start] = source[i]!;
    this.#length += end - start;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
