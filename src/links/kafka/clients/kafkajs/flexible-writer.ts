/** Writes requests in Kafka's compact form (https://kafka.apache.org/protocol#protocol_types); lengths are one more than they are. */
export class FlexibleWriter {
  readonly #pieces: Buffer[] = [];
  #bytes: number[] = [];

  /** What was written, in pieces that follow each other. */
  get pieces(): readonly Buffer[] {
    this.#cut();
    return this.#pieces;
  }

  int8(value: number): this {
    this.#bytes.push(value & 0xff);
    return this;
  }

  int16(value: number): this {
    return this.int8(value >> 8).int8(value);
  }

  int32(value: number): this {
    return this.int16(value >> 16).int16(value);
  }

  int64(value: bigint): this {
    return this.int32(Number(BigInt.asIntN(32, value >> 32n))).int32(Number(BigInt.asIntN(32, value)));
  }

  unsigned(value: number): this {
    let left = value;
    for (; left >= 128; left = Math.floor(left / 128)) this.#bytes.push((left % 128) | 128);
    this.#bytes.push(left);
    return this;
  }

  string(value: string | null): this {
    if (value === null) return this.unsigned(0);
    const bytes = Buffer.from(value);
    this.unsigned(bytes.length + 1);
    this.#bytes.push(...bytes);
    return this;
  }

  /** Bytes that are not copied. */
  bytes(value: Buffer): this {
    this.unsigned(value.length + 1);
    this.#cut();
    this.#pieces.push(value);
    return this;
  }

  array<T>(values: readonly T[], write: (value: T) => void): this {
    this.unsigned(values.length + 1);
    for (const value of values) write(value);
    return this;
  }

  /** No tagged fields. */
  end(): this {
    return this.int8(0);
  }

  #cut(): void {
    if (this.#bytes.length > 0) this.#pieces.push(Buffer.from(this.#bytes));
    this.#bytes = [];
  }
}
