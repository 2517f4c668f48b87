import type { ByteWriter } from '../../core/byte-writer.ts';
import { decodeField, QUOTE } from '../../core/canonical-csv.ts';
import type { ColumnType } from '../../core/schema.ts';
import { numberEnd } from './json-bytes.ts';

const BACKSLASH = 0x5c;
const SPACE = 0x20;
const MINUS = 0x2d;
const ZERO = 0x30;

/** How the cells of a column are written in JSON; `auto` writes what is a JSON number as one, and all else as text. */
export type CellKind = 'auto' | 'text' | 'boolean';

/** What a source knows of its column; text that may be numbers is looked at cell by cell. */
export function cellKind(type: ColumnType | undefined): CellKind {
  if (type === 'boolean') return 'boolean';
  return type === 'string' || type === 'date' || type === 'timestamp' ? 'text' : 'auto';
}

/** Whether a cell is a number as JSON has them: no sign or zero before it that JSON does not know. */
export function isJsonNumber(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start] === MINUS ? start + 1 : start;
  if (bytes[first] === ZERO && bytes[first + 1]! >= ZERO && bytes[first + 1]! <= ZERO + 9) return false;
  return numberEnd(bytes, start) === end;
}

/** Writes one canonical CSV cell as a JSON value. A cell that needs no escape is copied. */
export function writeCellJson(out: ByteWriter, bytes: Uint8Array, start: number, end: number, kind: CellKind): void {
  if (start === end) {
    out.ascii('null');
  } else if (bytes[start] === QUOTE) {
    const text = decodeField(bytes, start, end) ?? '';
    const isNumber = kind === 'auto' && isJsonNumber(bytes, start + 1, end - 1);
    if (isNumber) out.ascii(text);
    else out.text(JSON.stringify(text));
  } else if (kind === 'auto' && isJsonNumber(bytes, start, end)) {
    out.bytes(bytes, start, end);
  } else if (kind === 'boolean') {
    out.ascii(/^(true|t|1)$/i.test(decodeField(bytes, start, end) ?? '') ? 'true' : 'false');
  } else if (needsEscape(bytes, start, end)) {
    out.text(JSON.stringify(decodeField(bytes, start, end)));
  } else {
    out.byte(QUOTE);
    out.bytes(bytes, start, end);
    out.byte(QUOTE);
  }
}

function needsEscape(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1)
    if (bytes[at] === BACKSLASH || bytes[at]! < SPACE || bytes[at] === QUOTE) return true;
  return false;
}
