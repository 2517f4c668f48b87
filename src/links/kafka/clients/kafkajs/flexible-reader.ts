/** Reads answers in Kafka's compact form, as FlexibleWriter writes it. A RangeError says that one ends too early. */
export class FlexibleReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int8(): number {
    return this.#bytes.readInt8((this.#at += 1) - 1);
  }

  int16(): number {
    return this.#bytes.readInt16BE((this.#at += 2) - 2);
  }

  int32(): number {
    return this.#bytes.readInt32BE((this.#at += 4) - 4);
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE((this.#at += 8) - 8);
  }

  unsigned(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes.readUInt8(this.#at++);
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  string(): string | null {
    const length = this.unsigned() - 1;
    if (length < 0) return null;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new RangeError('a string of the answer is longer than the answer');
    return this.#bytes.toString('utf8', this.#at - length, this.#at);
  }

  /** Bytes that are not copied. */
  bytes(): Buffer | null {
    const length = this.unsigned() - 1;
    if (length < 0) return null;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new RangeError('bytes of the answer are longer than the answer');
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  array<T>(read: () => T): readonly T[] {
    const values: T[] = [];
    for (let left = this.unsigned() - 1; left > 0; left -= 1) values.push(read());
    return values;
  }

  /** Passes over tagged fields. */
  end(): void {
    for (let left = this.unsigned(); left > 0; left -= 1) {
      this.unsigned();
      const size = this.unsigned();
      this.#at += size;
    }
  }
}
