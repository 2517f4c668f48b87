import { AvroFault } from '../messages/avro/value-bounds.ts';

/** Seven groups of seven bits: 49 bits, exact in a double. */
const EXACT_GROUPS = 7;
const LONGEST = 10;

/** Reads the plain values of Avro's binary encoding one after the other; never beyond the end of the bytes: then it throws AvroFault. */
export class AvroBytes {
  readonly bytes: Buffer;
  readonly #view: DataView;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = at;
  }

  /** To the last digit: a number where a double holds it, a bigint otherwise. */
  long(): number | bigint {
    const { bytes } = this;
    let value = 0;
    let factor = 1;
    let at = this.at;
    for (let group = 0; group < EXACT_GROUPS; group += 1) {
      const byte = bytes[at++];
      if (byte === undefined) throw this.#ended();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.at = at;
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
      factor *= 128;
    }
    return this.#wideLong();
  }

  /** A length or the number of a branch. */
  count(): number {
    const value = this.long();
    if (typeof value === 'number' && value >= 0) return value;
    throw new AvroFault(`${value} at byte ${this.at} is no length and no number of a branch`);
  }

  boolean(): boolean {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw this.#ended();
    this.at += 1;
    return byte !== 0;
  }

  float(): number {
    const at = this.skip(4);
    return this.#view.getFloat32(at, true);
  }

  double(): number {
    const at = this.skip(8);
    return this.#view.getFloat64(at, true);
  }

  /** Passes so many bytes; returns where they begin. */
  skip(length: number): number {
    const from = this.at;
    if (from + length > this.bytes.length) throw this.#ended();
    this.at = from + length;
    return from;
  }

  #wideLong(): number | bigint {
    const { bytes } = this;
    let value = 0n;
    for (let i = 0; i < LONGEST; i += 1) {
      const byte = bytes[this.at + i];
      if (byte === undefined) throw this.#ended();
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte >= 0x80) continue;
      this.at += i + 1;
      const signed = BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
      const number = Number(signed);
      return Number.isSafeInteger(number) ? number : signed;
    }
    throw new AvroFault(`the number at byte ${this.at} is longer than 64 bits`);
  }

  #ended(): AvroFault {
    return new AvroFault(`it ends at byte ${this.bytes.length}, within what begins at byte ${this.at}`);
  }
}
