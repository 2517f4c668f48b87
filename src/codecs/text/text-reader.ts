import { TextDecoder } from 'node:util';
import type { Encoding } from './encoding.ts';
import { cutLength } from './utf8-watch.ts';

const REPLACEMENT = '\ufffd';
/** No character has more bytes, but that of a stateful encoding. */
const LONGEST = 4;

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
  #label = '';
  /** Bytes of the data before the chunk at hand, and the last few of them: a character may begin there. */
  #before = 0;
  #tail: Uint8Array = new Uint8Array(0);
  #brokenAt: number | null = null;

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
  }

  get broken(): boolean {
    return this.#brokenAt !== null;
  }

  /** The offset in the data of the first byte that does not fit; null as long as all do. */
  get brokenAt(): number | null {
    return this.#brokenAt;
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
    this.#label = label;
    this.#decoder = new TextDecoder(label);
    const holdsReplacement = this.#encoding.utf16 || this.#encoding.utf8 || label === 'gb18030';
    if (holdsReplacement) this.#strict = new TextDecoder(label, { fatal: true });
  }

  #decode(bytes: Uint8Array, stream: boolean): string {
    const text = this.#decoder!.decode(bytes, { stream });
    const bad = this.#firstBad(text, bytes, stream);
    if (bad < 0) {
      this.#before += bytes.length;
      this.#tail = Buffer.concat([this.#tail, bytes.slice(-LONGEST)]).subarray(-LONGEST);
      return text;
    }
    const good = text.slice(0, bad);
    this.#brokenAt = this.#before + this.#lengthOf(good, text, bytes, stream);
    return good;
  }

  /** Where the text of a chunk ends to be that of sound bytes; -1 when all are. */
  #firstBad(text: string, bytes: Uint8Array, stream: boolean): number {
    if (this.#strict !== null) {
      try {
        this.#strict.decode(bytes, { stream });
        return -1;
      } catch {
        // Found below.
      }
    }
    const bad = text.indexOf(REPLACEMENT);
    return bad < 0 && this.#strict !== null ? 0 : bad;
  }

  /**
   * How many bytes of a chunk make the sound part of its text; less than none when what is broken began before the chunk.
   * @param text all that the decoder made of the chunk: how many bytes were carried is told by what gives the same again.
   */
  #lengthOf(good: string, text: string, bytes: Uint8Array, stream: boolean): number {
    const counts = Array.from({ length: this.#tail.length + 1 }, (_, i) => i);
    // In UTF-8 it is seen; else the fewest are the likeliest, but at the end of the data, where only what was carried can be broken.
    const likely = this.#encoding.utf8 ? [cutLength(this.#tail)] : stream ? counts : counts.toReversed();
    for (const carried of likely) {
      const all = Buffer.concat([this.#tail.subarray(this.#tail.length - carried), bytes]);
      const textOf = (length: number, stream = true): string =>
        new TextDecoder(this.#label, { ignoreBOM: this.#before > 0 }).decode(all.subarray(0, length), { stream });
      if (textOf(all.length, stream) !== text) continue;
      // The fewest bytes that give as much text: with more of them it never gets shorter.
      let [low, high] = [0, all.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (textOf(middle).length >= good.length) high = middle;
        else low = middle + 1;
      }
      return low - carried;
    }
    return 0;
  }
}
