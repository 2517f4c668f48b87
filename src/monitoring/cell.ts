import { COMMA, fieldEnd, LF, QUOTE } from '../core/canonical-csv.ts';

const ZERO = 0x30;
const POINT = 0x2e;
const MINUS = 0x2d;
const NUMBER = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$/;
/** Words that stand for a missing number, as the model servers that we know read them. */
const MISSING: ReadonlySet<string> = new Set(['NA', 'N/A', 'NaN', 'nan', 'null', 'NULL', 'None']);
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const POWERS = Float64Array.from({ length: 16 }, (_, i) => 10 ** i);

/**
 * One canonical cell after another, found and read in one pass without making a text of it: what takes longest in monitoring. The
 * fields say what the last call found.
 */
export class Cell {
  /** The number; NaN when the cell is missing or no number. */
  value = Number.NaN;
  isMissing = false;
  /** Two halves of a hash of the bytes of a text. */
  low = 0;
  high = 0;

  /** Reads a number at `at`; returns the end of the cell. Plain decimals of up to 15 digits are exact quotients; the rest goes by Number(). */
  number(bytes: Uint8Array, at: number): number {
    let end = at;
    let byte = bytes[end]!;
    const isNegative = byte === MINUS;
    if (isNegative) byte = bytes[++end]!;
    let digits = 0;
    let mantissa = 0;
    let point = 0;
    for (;;) {
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit;
        digits += 1;
      } else if (byte === POINT && point === 0) {
        point = digits + 1;
      } else break;
      byte = bytes[++end]!;
    }
    if ((byte === COMMA || byte === LF) && digits > 0 && digits <= 15) {
      const value = point === 0 ? mantissa : mantissa / POWERS[digits - point + 1]!;
      this.value = isNegative ? -value : value;
      this.isMissing = false;
      return end;
    }
    return this.#unusual(bytes, at, end);
  }

  /** Reads a text at `at`; returns the end of the cell. */
  text(bytes: Uint8Array, at: number): number {
    let low = 0x811c9dc5;
    let high = 0x9747b28c;
    let end = at;
    if (bytes[at] === QUOTE) {
      end = fieldEnd(bytes, at);
      for (let i = at; i < end; i += 1) {
        low = Math.imul(low ^ bytes[i]!, 0x01000193);
        high = Math.imul(high ^ bytes[i]!, 0x5bd1e995);
      }
    } else {
      for (let byte = bytes[end]!; byte !== COMMA && byte !== LF; byte = bytes[++end]!) {
        low = Math.imul(low ^ byte, 0x01000193);
        high = Math.imul(high ^ byte, 0x5bd1e995);
      }
    }
    this.isMissing = end === at;
    this.low = mixed(low);
    this.high = mixed(high);
    return end;
  }

  /** The hash of the last text as one number of 53 bits. */
  get hash(): number {
    return (this.low >>> 0) * 0x200000 + (this.high >>> 11);
  }

  #unusual(bytes: Uint8Array, at: number, looked: number): number {
    const end = bytes[at] === QUOTE ? fieldEnd(bytes, at) : fieldEnd(bytes, looked);
    const isEmpty = end === at;
    const text = isEmpty ? '' : decoder.decode(bytes.subarray(at, end));
    this.isMissing = isEmpty || MISSING.has(text);
    const value = NUMBER.test(text) ? Number(text) : Number.NaN;
    this.value = Number.isFinite(value) ? value : Number.NaN;
    return end;
  }
}

/** Spreads every bit over all others (the end of MurmurHash3), so that least hashes are a fair sample. */
function mixed(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
