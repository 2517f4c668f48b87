import { COMMA, LF, QUOTE } from '../../core/canonical-csv.ts';
import type { RowBlock } from '../row-block.ts';

const CR = 0x0d;
const ZERO = 0x30;
/** Longer text is copied by a call; shorter text sooner by a loop. */
const LONG = 64;

/** Writes text that is ASCII and needs no quotes. There is room for it. */
export function writeAscii(block: RowBlock, text: string): void {
  const { bytes } = block;
  for (let i = 0; i < text.length; i += 1) bytes[block.at++] = text.charCodeAt(i);
}

/** Writes a whole number that a double holds. */
export function writeInteger(block: RowBlock, value: number): void {
  const { bytes } = block;
  let rest = Math.abs(value);
  if (rest >= 2 ** 31) {
    writeAscii(block, String(value));
    return;
  }
  if (value < 0) bytes[block.at++] = 0x2d;
  let digits = 1;
  for (let power = 10; power <= rest; power *= 10) digits += 1;
  for (let at = block.at + digits - 1; at >= block.at; at -= 1) {
    const next = Math.floor(rest / 10);
    bytes[at] = ZERO + (rest - 10 * next);
    rest = next;
  }
  block.at += digits;
}

/** Writes UTF-8 as a canonical field. */
export function writeText(block: RowBlock, source: Uint8Array, from: number, to: number): void {
  block.reserve(2 * (to - from) + 8);
  const { bytes } = block;
  const start = block.at;
  if (from === to) {
    bytes[block.at++] = QUOTE;
    bytes[block.at++] = QUOTE;
    return;
  }
  if (to - from > LONG && !needsQuotes(source, from, to)) {
    bytes.set(source.subarray(from, to), start);
    block.at = start + to - from;
    return;
  }
  let write = start;
  for (let at = from; at < to; at += 1) {
    const byte = source[at]!;
    if (byte === QUOTE || byte === COMMA || byte === LF || byte === CR) {
      writeQuoted(block, source, from, to);
      return;
    }
    bytes[write++] = byte;
  }
  block.at = write;
}

/** Writes a number of so many digits, with zeros before it. */
export function writeDigits(block: RowBlock, value: number, digits: number): void {
  let rest = value;
  for (let at = block.at + digits - 1; at >= block.at; at -= 1) {
    const next = Math.floor(rest / 10);
    block.bytes[at] = ZERO + (rest - 10 * next);
    rest = next;
  }
  block.at += digits;
}

function needsQuotes(source: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = source[at]!;
    if (byte === QUOTE || byte === COMMA || byte === LF || byte === CR) return true;
  }
  return false;
}

function writeQuoted(block: RowBlock, source: Uint8Array, from: number, to: number): void {
  const { bytes } = block;
  let write = block.at;
  bytes[write++] = QUOTE;
  for (let at = from; at < to; at += 1) {
    const byte = source[at]!;
    if (byte === QUOTE) bytes[write++] = QUOTE;
    bytes[write++] = byte;
  }
  bytes[write++] = QUOTE;
  block.at = write;
}
