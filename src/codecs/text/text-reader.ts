import { TextDecoder } from 'node:util';
import type { Encoding } from './encoding.ts';

const REPLACEMENT = '\ufffd';

/**
 * Decodes a stream of bytes to text, chunk by chunk; a character may be cut anywhere. Once bytes do not fit the
 * encoding `broken` is true, and the text that was returned last ends just before them.
 */
export class TextReader {
  readonly #encoding: Encoding;
  #decoder: TextDecoder | null = null;
  /** Where U+FFFD can stand in sound data, only a decoder that throws tells sound from broken. */
  #strict: TextDecoder | null = null;
  #head: Uint8Array = new Uint8Array(0);
  #broken = false;

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
  }

  get broken(): boolean {
    return this.#broken;
  }

  /** The text of the next bytes, without the byte order mark at the start of the data. */
  read(chunk: Uint8Array): string {
    if (this.#encoding.label === 'latin1') {
      return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1');
    }
    let bytes = chunk;
    if (this.#decoder === null) {
      bytes = Buffer.concat([this.#head, chunk]);
      if (this.#encoding.label === 'utf-16' && bytes.length < 2) {
        this.#head = bytes;
        return '';
      }
      this.#open(bytes);
    }
    return this.#decode(bytes, true);
  }

  /** The text of what is left: nothing, or broken because a character was cut off. */
  finish(): string {
    if (this.#encoding.label === 'latin1') return '';
    const rest = this.#decoder === null ? this.#head : new Uint8Array(0);
    if (this.#decoder === null) this.#open(rest);
    return this.#decode(rest, false);
  }

  #open(bytes: Uint8Array): void {
    let { label } = this.#encoding;
    if (label === 'utf-16') label = bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-16le';
    this.#decoder = new TextDecoder(label);
    const holdsReplacement = this.#encoding.utf16 || this.#encoding.utf8 || label === 'gb18030';
    if (holdsReplacement) this.#strict = new TextDecoder(label, { fatal: true });
  }

  #decode(bytes: Uint8Array, stream: boolean): string {
    const text = this.#decoder!.decode(bytes, { stream });
    if (this.#strict !== null) {
      try {
        this.#strict.decode(bytes, { stream });
        return text;
      } catch {
        // Found below.
      }
    }
    const bad = text.indexOf(REPLACEMENT);
    if (bad < 0 && this.#strict === null) return text;
    this.#broken = true;
    return bad < 0 ? '' : text.slice(0, bad);
  }
}
