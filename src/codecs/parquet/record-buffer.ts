import { COMMA, LF, QUOTE } from '../../core/canonical-csv.ts';
import { byteBlock } from '../byte-block.ts';

const encoder = new TextEncoder();
/** A longer run is copied by the engine: making the view for it pays from about this many bytes on (measured). */
const SHORT_RUN = 48;
const CR = 0x0d;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Canonical records under construction, in one block that grows. */
export class RecordBuffer {
  bytes: Uint8Array;
  at = 0;

  /** @param first what is filled before anything larger is made. */
  constructor(first: Uint8Array) {
    this.bytes = first;
  }

  /** Makes sure that `room` bytes may be written from `at` on. */
  reserve(room: number): void {
    if (this.at + room <= this.bytes.length) return;
    const larger = byteBlock(Math.max(this.bytes.length * 2, this.at + room));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
  }

  /** Bytes that are a canonical field already. */
  putField(source: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.reserve(length);
    const { bytes } = this;
    if (length > SHORT_RUN) bytes.set(source.subarray(from, to), this.at);
    else for (let i = from, at = this.at; i < to; i += 1, at += 1) bytes[at] = source[i]!;
    this.at += length;
  }

  /** UTF-8 text as a field, in quotes where it needs them. */
  putText(source: Uint8Array, from: number, to: number): void {
    this.reserve(to - from + 2);
    const { bytes } = this;
    let at = this.at;
    for (let i = from; i < to; i += 1) {
      const byte = source[i]!;
      if (byte === COMMA || byte === QUOTE || byte === LF || byte === CR) {
        this.#putQuoted(source, from, to);
        return;
      }
      bytes[at++] = byte;
    }
    if (from === to) {
      bytes[at++] = QUOTE;
      bytes[at++] = QUOTE;
    }
    this.at = at;
  }

  /** Text of which it is known that it is plain ASCII without commas, quotes and line ends. */
  putPlain(text: string): void {
    const { length } = text;
    this.reserve(length);
    const { bytes } = this;
    for (let i = 0, at = this.at; i < length; i += 1, at += 1) bytes[at] = text.charCodeAt(i);
    this.at += length;
  }

  /** An integer of 32 bits. */
  putInteger(value: number): void {
    this.reserve(11);
    const { bytes } = this;
    let { at } = this;
    let rest = value;
    if (rest < 0) {
      bytes[at++] = MINUS;
      rest = -rest;
    }
    let end = at + 1;
    for (let bound = 10; rest >= bound; bound *= 10) end += 1;
    this.at = end;
    while (end > at) {
      const tens = Math.floor(rest / 10);
      end -= 1;
      bytes[end] = ZERO + rest - tens * 10;
      rest = tens;
    }
  }

  /** Any text as a field. */
  putString(text: string): void {
    const bytes = encoder.encode(text);
    this.putText(bytes, 0, bytes.length);
  }

  #putQuoted(source: Uint8Array, from: number, to: number): void {
    this.reserve(2 * (to - from) + 2);
    const { bytes } = this;
    let at = this.at;
    bytes[at++] = QUOTE;
    for (let i = from; i < to; i += 1) {
      const byte = source[i]!;
      bytes[at++] = byte;
      if (byte === QUOTE) bytes[at++] = QUOTE;
    }
    bytes[at++] = QUOTE;
    this.at = at;
  }
}
