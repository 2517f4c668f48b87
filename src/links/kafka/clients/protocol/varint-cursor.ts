import { SluiceError } from '../../../../core/error.ts';

/** Reads the zigzag varints that records are made of. */
export class VarintCursor {
  at = 0;
  readonly #buffer: Buffer;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  varint(): number {
    let value = 0;
    let weight = 1;
    for (;;) {
      const byte = this.#buffer[this.at];
      if (byte === undefined) throw new SluiceError('KAFKA_FAULT', 'Kafka: a batch of records ends too early');
      this.at += 1;
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) break;
      weight *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    return this.#buffer.subarray(start, this.at);
  }
}
