import { temporalText } from '../messages/avro/temporal.ts';
import type { RecordBuffer } from './record-buffer.ts';

const UNITS: Readonly<Record<string, number>> = { millis: 1_000, micros: 1_000_000, nanos: 1_000_000_000 };
const DAY_SECONDS = 86_400;
/** Days from 0000-01-01 to 9999-12-31, counted from 1970: the years of four digits. */
const FIRST_DAY = -719_528;
const LAST_DAY = 2_932_896;
const ZERO = 0x30;

/** Timestamps by plain arithmetic; the date is made once for a run of one day. Writes what `temporalText` makes. */
export class TimestampCells {
  readonly #logical: string;
  readonly #values: BigInt64Array;
  readonly #halves: Int32Array;
  readonly #units: number;
  readonly #places: number;
  readonly #zone: boolean;
  #day = Number.NaN;
  #date = '';

  constructor(logical: string, values: BigInt64Array) {
    this.#logical = logical;
    this.#values = values;
    this.#halves = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
    this.#units = UNITS[logical.slice(logical.lastIndexOf('-') + 1)]!;
    this.#places = String(this.#units).length - 1;
    this.#zone = !logical.startsWith('local-');
  }

  put(out: RecordBuffer, index: number): void {
    const high = this.#halves[2 * index + 1]!;
    // A number of 53 bits; nanoseconds are beyond it.
    const isExact = high >= -0x200000 && high < 0x200000;
    const count = high * 4_294_967_296 + (this.#halves[2 * index]! >>> 0);
    const seconds = isExact ? Math.floor(count / this.#units) : Number.NaN;
    const day = Math.floor(seconds / DAY_SECONDS);
    if (!(day >= FIRST_DAY && day <= LAST_DAY)) {
      out.putPlain(temporalText(this.#logical, this.#values[index]!));
      return;
    }
    if (day !== this.#day) {
      this.#day = day;
      this.#date = new Date(day * DAY_SECONDS * 1000).toISOString().slice(0, 11);
    }
    out.putPlain(this.#date);
    const places = this.#places;
    out.reserve(places + 10);
    const { bytes } = out;
    let { at } = out;
    const ofDay = seconds - day * DAY_SECONDS;
    const minutes = Math.floor(ofDay / 60);
    at = two(bytes, at, Math.floor(minutes / 60), 0x3a);
    at = two(bytes, at, minutes % 60, 0x3a);
    at = two(bytes, at, ofDay % 60, 0x2e);
    let rest = count - seconds * this.#units;
    for (let i = at + places - 1; i >= at; i -= 1) {
      const tens = Math.floor(rest / 10);
      bytes[i] = ZERO + rest - tens * 10;
      rest = tens;
    }
    at += places;
    if (this.#zone) bytes[at++] = 0x5a;
    out.at = at;
  }
}

function two(bytes: Uint8Array, at: number, value: number, behind: number): number {
  const tens = Math.floor(value / 10);
  bytes[at] = ZERO + tens;
  bytes[at + 1] = ZERO + value - tens * 10;
  bytes[at + 2] = behind;
  return at + 3;
}
