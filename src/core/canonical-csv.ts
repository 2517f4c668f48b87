import type { Value } from './value.ts';

/**
 * The canonical form of rows (RFC 4180: UTF-8, comma, `"`, LF after every record; an empty unquoted field is null, `""`
 * is the empty string). Everything here trusts its input to be canonical: the record scanner and `encodeField` see to that.
 */
export const COMMA = 0x2c;
export const QUOTE = 0x22;
export const LF = 0x0a;

const encoder = new TextEncoder();
// A field is never the start of a file: U+FEFF at its start is text.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The offset just past the field that starts at `from`: of its comma, or of the LF that ends the record. */
export function fieldEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  if (bytes[at] === QUOTE) {
    at += 1;
    for (;;) {
      at = bytes.indexOf(QUOTE, at);
      if (bytes[at + 1] !== QUOTE) return at + 1;
      at += 2;
    }
  }
  // The longest fields are text in quotes; a plain loop beats a call of indexOf below some 60 bytes.
  for (let byte = bytes[at]; byte !== COMMA && byte !== LF && byte !== undefined; byte = bytes[at]) at += 1;
  return at;
}

/**
 * Writes the bounds of every field of the record that starts at `start` into `bounds` (start and end of each, in
 * turn), at most `bounds.length / 2` fields, and returns how many fields it wrote.
 */
export function fieldBounds(bytes: Uint8Array, start: number, bounds: Uint32Array): number {
  let at = start;
  let fields = 0;
  const room = bounds.length >> 1;
  while (fields < room) {
    const end = fieldEnd(bytes, at);
    bounds[2 * fields] = at;
    bounds[2 * fields + 1] = end;
    fields += 1;
    if (bytes[end] !== COMMA) break;
    at = end + 1;
  }
  return fields;
}

/** The text of one canonical field; null for an empty unquoted one. */
export function decodeField(bytes: Uint8Array, start: number, end: number): string | null {
  if (start === end) return null;
  if (bytes[start] !== QUOTE) return decoder.decode(bytes.subarray(start, end));
  const inner = decoder.decode(bytes.subarray(start + 1, end - 1));
  return inner.includes('"') ? inner.replaceAll('""', '"') : inner;
}

/** The fields of the record that starts at `start`. */
export function decodeRecord(bytes: Uint8Array, start: number, end: number): (string | null)[] {
  const fields: (string | null)[] = [];
  for (let at = start; ; ) {
    const stop = fieldEnd(bytes, at);
    fields.push(decodeField(bytes, at, stop));
    if (stop >= end - 1 || bytes[stop] !== COMMA) return fields;
    at = stop + 1;
  }
}

/**
 * The fields of a record that is kept without its LF (one there is no harm); null where the bytes are none: somebody may have changed them
 * by hand, or cut them.
 */
export function decodeKeptRecord(bytes: Uint8Array): (string | null)[] | null {
  const fields: (string | null)[] = [];
  for (let at = 0; ; ) {
    let end = at;
    if (bytes[at] !== QUOTE) end = fieldEnd(bytes, at);
    else {
      do {
        end = bytes.indexOf(QUOTE, end + 1);
        if (end < 0) return null;
        if (bytes[end + 1] === QUOTE) end += 1;
        else break;
      } while (end < bytes.length);
      end += 1;
    }
    fields.push(decodeField(bytes, at, end));
    if (end === bytes.length || (bytes[end] === LF && end === bytes.length - 1)) return fields;
    if (bytes[end] !== COMMA) return null;
    at = end + 1;
  }
}

/** The canonical text of one value. Text is quoted when it must be, and when it is empty (null is the empty field). */
export function encodeField(value: Value): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  return value === '' || /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** One canonical record, with its LF. A record of a single null is written `""`, as an empty line is no record. */
export function encodeRecord(values: readonly Value[]): string {
  const line = values.map(encodeField).join(',');
  return line === '' ? '""\n' : `${line}\n`;
}

/** Canonical bytes and record ends of many records. */
export function encodeRecords(records: readonly (readonly Value[])[]): { bytes: Uint8Array; ends: Uint32Array } {
  const ends = new Uint32Array(records.length);
  const parts = records.map((record) => encoder.encode(encodeRecord(record)));
  let length = 0;
  for (const [i, part] of parts.entries()) {
    length += part.length;
    ends[i] = length;
  }
  const bytes = new Uint8Array(length);
  for (const [i, part] of parts.entries()) bytes.set(part, i === 0 ? 0 : ends[i - 1]);
  return { bytes, ends };
}
