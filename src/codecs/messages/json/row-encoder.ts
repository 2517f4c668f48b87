import { COMMA, fieldEnd, QUOTE } from '../../../core/canonical-csv.ts';
import type { Column, Schema } from '../../../core/schema.ts';
import { numberEnd } from './json-number.ts';

const BACKSLASH = 0x5c;
const CLOSE_OBJECT = 0x7d;
const NULL = Buffer.from('null');

/** A column as a row has it: `,"name":`, and how its values are written. */
interface Member {
  readonly prefix: Uint8Array;
  readonly kind: 'number' | 'boolean' | 'text';
}

/** Rows as JSON. */
interface EncodedRows {
  readonly bytes: Buffer<ArrayBuffer>;
  /** Offset just past each row, before what stands behind it. */
  readonly stops: Uint32Array;
}

/**
 * Writes rows as JSON objects in the order of the columns. Numbers and booleans are bare where the column's type says so and the
 * text is one in JSON, to the digit; all else is a string.
 */
export class JsonRowEncoder {
  readonly #members: readonly Member[];
  readonly #behind: Uint8Array;
  /** Bytes of a row without its values, with a `null` for each. */
  readonly #frame: number;
  #out: Buffer<ArrayBuffer> = Buffer.alloc(0);

  /** @param behind what stands behind each row. */
  constructor({ columns }: Schema, behind: Uint8Array = new Uint8Array(0)) {
    this.#members = columns.map((column, i) => ({
      prefix: Buffer.from(`${i === 0 ? '{' : ','}${JSON.stringify(column.name)}:`),
      kind: kindOf(column),
    }));
    this.#behind = behind;
    this.#frame = this.#members.reduce((sum, { prefix }) => sum + prefix.length + NULL.length, 1 + behind.length);
  }

  /** The rows in a block of their own. */
  encode({ bytes, ends }: { readonly bytes: Uint8Array; readonly ends: Uint32Array }): EncodedRows {
    this.#out = Buffer.allocUnsafeSlow(this.#frame * ends.length + Math.ceil(1.25 * bytes.length));
    const stops = new Uint32Array(ends.length);
    let at = 0;
    for (let i = 0, start = 0; i < ends.length; i += 1) {
      // A control character becomes six.
      const most = at + this.#frame + 6 * (ends[i]! - start);
      if (most > this.#out.length) this.#grow(at, most);
      at = this.#row(bytes, start, at);
      stops[i] = at;
      this.#out.set(this.#behind, at);
      at += this.#behind.length;
      start = ends[i]!;
    }
    const encoded = this.#out.subarray(0, at);
    this.#out = Buffer.alloc(0);
    return { bytes: encoded, stops };
  }

  #grow(filled: number, needed: number): void {
    const out = Buffer.allocUnsafeSlow(2 * needed);
    out.set(this.#out.subarray(0, filled));
    this.#out = out;
  }

  #row(bytes: Uint8Array, from: number, to: number): number {
    const out = this.#out;
    let at = from;
    let write = to;
    for (const { prefix, kind } of this.#members) {
      for (let i = 0; i < prefix.length; i += 1) out[write++] = prefix[i]!;
      const end = fieldEnd(bytes, at);
      const bare =
        (kind === 'number' && numberEnd(bytes, at) === end) || (kind === 'boolean' && isBoolean(bytes, at, end));
      if (at === end) write += NULL.copy(out, write);
      else if (bare) for (let i = at; i < end; i += 1) out[write++] = bytes[i]!;
      else write = quoted(bytes, at, end, out, write);
      at = bytes[end] === COMMA ? end + 1 : end;
    }
    out[write] = CLOSE_OBJECT;
    return write + 1;
  }
}

function kindOf({ type }: Column): Member['kind'] {
  if (type === 'integer' || type === 'number' || type === 'decimal') return 'number';
  return type === 'boolean' ? 'boolean' : 'text';
}

function isBoolean(bytes: Uint8Array, start: number, end: number): boolean {
  const word = end - start === 4 ? 'true' : end - start === 5 ? 'false' : '';
  for (let i = 0; i < word.length; i += 1) if (bytes[start + i] !== word.charCodeAt(i)) return false;
  return word !== '';
}

/** Writes the text of a canonical field as a JSON string. */
function quoted(bytes: Uint8Array, start: number, end: number, out: Buffer, to: number): number {
  const inQuotes = bytes[start] === QUOTE;
  const stop = inQuotes ? end - 1 : end;
  let write = to;
  out[write++] = QUOTE;
  for (let at = inQuotes ? start + 1 : start; at < stop; at += 1) {
    const byte = bytes[at]!;
    if (byte < 0x20) {
      write += out.write(JSON.stringify(String.fromCharCode(byte)).slice(1, -1), write);
      continue;
    }
    // A doubled quote is one of the text.
    if (byte === QUOTE) at += 1;
    if (byte === QUOTE || byte === BACKSLASH) out[write++] = BACKSLASH;
    out[write++] = byte;
  }
  out[write++] = QUOTE;
  return write;
}
