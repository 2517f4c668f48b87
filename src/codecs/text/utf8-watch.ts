import { isUtf8 } from 'node:buffer';
import { wrongByte } from './wrong-byte.ts';

/** Looks at the chunks of a stream that should be UTF-8, in which a character may be cut anywhere, and tells where they cease to be. */
export class Utf8Watch {
  /** Bytes of the data before what is carried. */
  #before: number;
  /** The beginning of a character that the next chunk goes on with. */
  #carried: Uint8Array = new Uint8Array(0);
  #brokenAt: number | null = null;

  /** @param offset of the first chunk in the data. */
  constructor(offset: number) {
    this.#before = offset;
  }

  /** The offset in the data of the first byte that does not fit; null as long as all do. */
  get brokenAt(): number | null {
    return this.#brokenAt;
  }

  see(chunk: Uint8Array): void {
    if (this.#brokenAt !== null) return;
    const bytes = this.#carried.length === 0 ? bufferOf(chunk) : Buffer.concat([this.#carried, chunk]);
    const whole = bytes.length - cutLength(bytes);
    if (!isUtf8(bytes.subarray(0, whole))) {
      this.#brokenAt = this.#before + wrongByte(bytes.subarray(0, whole));
      return;
    }
    this.#before += whole;
    this.#carried = Uint8Array.from(bytes.subarray(whole));
  }

  /** There are no more chunks. */
  finish(): void {
    if (this.#carried.length > 0) this.#brokenAt ??= this.#before;
  }
}

/** How many bytes at the end are the beginning of a character of more of them: 0 to 3. */
export function cutLength(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
