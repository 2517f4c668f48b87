import { COMMA, QUOTE } from '../../../core/canonical-csv.ts';
import { messageOf } from '../../../core/error.ts';
import { MOST_COLUMNS } from '../known-columns.ts';
import { numberEnd } from './json-number.ts';
import type { Key, KeyList } from './key-list.ts';

const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/** How the value of a field stands in the message. */
export const MISSING = 0;
/** A number, true or false. */
const BARE = 1;
/** Text without escapes, commas or quotes, not empty: canonical without its quotes. */
export const PLAIN = 2;
/** Text without escapes, canonical with its quotes. */
const QUOTED = 3;
/** Text with escapes. */
export const ESCAPED = 4;
/** An object or list. */
export const NESTED = 5;

/**
 * Looks at one JSON object (RFC 8259) and notes where the value of each column stands. It is our own, and no JSON.parse, for the text
 * of numbers, which a double would change, and for speed: nothing is made of the bytes. A property test holds what it accepts equal
 * to what JSON.parse does.
 */
export class ObjectScanner {
  readonly #keys: KeyList;
  /** For each column what its value is, and where; a nested value and a string with their brackets and quotes. */
  kinds = new Uint8Array(64);
  starts = new Uint32Array(64);
  ends = new Uint32Array(64);
  #bytes: Buffer = Buffer.alloc(0);
  /** Where scanning stopped, and what is wanted there. */
  #wrongAt = 0;
  #wanted = '';
  #kind = MISSING;

  constructor(keys: KeyList) {
    this.#keys = keys;
  }

  /** Scans the object from `start` to `end`, where a NUL stands. Returns what is wrong, or null. */
  scan(bytes: Buffer, start: number, end: number): string | null {
    this.#bytes = bytes;
    this.kinds.fill(MISSING, 0, this.#keys.count);
    const stop = this.#object(start);
    if (stop >= 0) {
      if (stop === end) return null;
      this.#wrong(stop, 'the end of the value');
    }
    return this.#reason(start, end);
  }

  #object(start: number): number {
    const bytes = this.#bytes;
    let at = this.#space(start);
    if (bytes[at] !== OPEN_OBJECT) return this.#wrong(at, 'a JSON object');
    at = this.#space(at + 1);
    if (bytes[at] === CLOSE_OBJECT) return this.#space(at + 1);
    let key: Key = this.#keys.head;
    for (;;) {
      const next = key.next;
      let stop = next === null ? -1 : matchEnd(bytes, at, next.bytes);
      if (stop < 0 || next === null) {
        if (bytes[at] !== QUOTE) return this.#wrong(at, 'a name in quotes');
        stop = this.#text(at);
        if (stop < 0) return -1;
        const found = this.#keys.find(bytes, at, stop);
        if (found === null) return this.#wrong(at, `no more than ${MOST_COLUMNS} different names`);
        key.next = found;
        key = found;
      } else {
        key = next;
      }
      at = this.#space(stop);
      if (bytes[at] !== COLON) return this.#wrong(at, 'a colon');
      at = this.#space(at + 1);
      stop = this.#value(at);
      if (stop < 0) return -1;
      if (key.column >= 0) this.#note(key.column, at, stop);
      at = this.#space(stop);
      if (bytes[at] === COMMA) {
        at = this.#space(at + 1);
      } else if (bytes[at] === CLOSE_OBJECT) {
        return this.#space(at + 1);
      } else {
        return this.#wrong(at, 'a comma or }');
      }
    }
  }

  #note(column: number, start: number, end: number): void {
    if (column >= this.kinds.length) this.#widen();
    this.kinds[column] = this.#kind;
    this.starts[column] = start;
    this.ends[column] = end;
  }

  /** Just past the value that starts at `at`; its kind is in `#kind`. */
  #value(at: number): number {
    const byte = this.#bytes[at]!;
    if (byte === QUOTE) return this.#text(at);
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) return this.#nested(at);
    if (byte === 0x6e) {
      this.#kind = MISSING;
      return this.#word(at, 'null');
    }
    this.#kind = BARE;
    if (byte === 0x74) return this.#word(at, 'true');
    if (byte === 0x66) return this.#word(at, 'false');
    const end = numberEnd(this.#bytes, at);
    return end < 0 ? this.#wrong(at, 'a value') : end;
  }

  /** Just past the string whose opening quote stands at `from`. */
  #text(from: number): number {
    const bytes = this.#bytes;
    let kind = PLAIN;
    let at = from + 1;
    for (;;) {
      const byte = bytes[at]!;
      // Most letters are greater than all that mean something.
      if (byte > BACKSLASH) {
        at += 1;
      } else if (byte === QUOTE) {
        this.#kind = kind === PLAIN && at === from + 1 ? QUOTED : kind;
        return at + 1;
      } else if (byte === BACKSLASH) {
        kind = ESCAPED;
        const length = escapeLength(bytes, at);
        if (length === 0) return this.#wrong(at, 'a valid escape');
        at += length;
      } else if (byte < 0x20) {
        return this.#wrong(at, 'a closing quote');
      } else {
        if (byte === COMMA && kind === PLAIN) kind = QUOTED;
        at += 1;
      }
    }
  }

  /** Just past the object or list at `from`: its bounds by counting, its soundness by JSON.parse. */
  #nested(from: number): number {
    const bytes = this.#bytes;
    let depth = 0;
    let at = from;
    do {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        at = this.#text(at);
        if (at < 0) return -1;
        continue;
      }
      if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth += 1;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth -= 1;
      else if (byte === 0) return this.#wrong(at, 'a closing bracket');
      at += 1;
    } while (depth > 0);
    try {
      JSON.parse(bytes.toString('utf8', from, at));
    } catch (error) {
      return this.#wrong(from, `a sound value (${messageOf(error)})`);
    }
    this.#kind = NESTED;
    return at;
  }

  #word(at: number, word: string): number {
    for (let i = 1; i < word.length; i += 1) {
      if (this.#bytes[at + i] !== word.charCodeAt(i)) return this.#wrong(at, 'a value');
    }
    return at + word.length;
  }

  #space(from: number): number {
    let at = from;
    for (let byte = this.#bytes[at]!; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; ) {
      at += 1;
      byte = this.#bytes[at]!;
    }
    return at;
  }

  #wrong(at: number, wanted: string): -1 {
    this.#wrongAt = at;
    this.#wanted = wanted;
    return -1;
  }

  #reason(start: number, end: number): string {
    const at = this.#wrongAt;
    if (start === end) return 'The value is empty.';
    const place = at >= end ? `it ends at byte ${end - start}` : `byte ${at - start}`;
    return `The value is not a JSON object: ${place} where ${this.#wanted} is expected.`;
  }

  #widen(): void {
    const length = 2 * this.kinds.length;
    const kinds = new Uint8Array(length);
    kinds.set(this.kinds);
    this.kinds = kinds;
    const starts = new Uint32Array(length);
    starts.set(this.starts);
    this.starts = starts;
    const ends = new Uint32Array(length);
    ends.set(this.ends);
    this.ends = ends;
  }
}

/** Just past `wanted` when it stands at `at`, else -1. */
function matchEnd(bytes: Uint8Array, at: number, wanted: Uint8Array): number {
  for (let i = 0; i < wanted.length; i += 1) if (bytes[at + i] !== wanted[i]) return -1;
  return at + wanted.length;
}

/** Bytes of the escape at `at`: 2, 6, or 0 when it is none. */
function escapeLength(bytes: Uint8Array, at: number): number {
  switch (bytes[at + 1]!) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return 2;
    case 0x75:
      for (let i = 2; i < 6; i += 1) {
        const byte = bytes[at + i]!;
        const digit = byte >= 0x30 && byte <= 0x39;
        const letter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66;
        if (!digit && !letter) return 0;
      }
      return 6;
    default:
      return 0;
  }
}
