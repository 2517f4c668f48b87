import { SluiceError } from '../../core/error.ts';
import type { CsvPosition } from '../csv/csv-position.ts';
import type { Encoding } from '../text/encoding.ts';
import { TextReader } from '../text/text-reader.ts';

const LF = 0x0a;
const MARK = [0xef, 0xbb, 0xbf] as const;

/**
 * Brings a stream of lines to UTF-8. That of UTF-8 passes untouched, but for a byte order mark. Others are decoded from the start of
 * the stream, and what lies before the position is left out: no other place is known where decoding could begin.
 */
export class LineText {
  readonly #split: string;
  readonly #reader: TextReader | null;
  #toSkip: number;
  /** The bytes of a mark that were seen; a space for each keeps the offsets. Null: none can come any more. */
  #mark: number | null;

  constructor(encoding: Encoding, from: CsvPosition, split: string) {
    this.#split = split;
    this.#reader = encoding.utf8 ? null : new TextReader(encoding);
    this.#toSkip = encoding.utf8 ? 0 : from.offset;
    this.#mark = encoding.utf8 && from.offset === 0 ? 0 : null;
  }

  /** The offset in the source of the first byte that does not fit its encoding; null as long as all do. */
  get brokenAt(): number | null {
    return this.#reader?.brokenAt ?? null;
  }

  /** The next bytes; to be copied before the next call. */
  read(chunk: Uint8Array): Uint8Array {
    if (this.#reader !== null) return this.#behindSkip(this.#reader.read(chunk));
    return this.#mark === null ? chunk : this.#withoutMark(chunk);
  }

  /** The same at the end of the source. Throws INTAKE_CHANGED when it ended before the position. */
  finish(): Uint8Array {
    const rest = this.#reader === null ? new Uint8Array(0) : this.#behindSkip(this.#reader.finish());
    if (this.#toSkip > 0 && this.brokenAt === null) throw this.#changed();
    return rest;
  }

  #withoutMark(chunk: Uint8Array): Uint8Array {
    let bytes = chunk;
    for (let i = 0; i < chunk.length && this.#mark !== null; i += 1) {
      if (chunk[i] !== MARK[this.#mark]) {
        this.#mark = null;
      } else {
        if (bytes === chunk) bytes = Uint8Array.from(chunk);
        bytes[i] = 0x20;
        this.#mark = this.#mark === MARK.length - 1 ? null : this.#mark + 1;
      }
    }
    return bytes;
  }

  #behindSkip(text: string): Uint8Array {
    const bytes = new TextEncoder().encode(text);
    if (this.#toSkip === 0) return bytes;
    const skipped = Math.min(this.#toSkip, bytes.length);
    this.#toSkip -= skipped;
    if (this.#toSkip === 0 && skipped < bytes.length && bytes[skipped - 1] !== LF) throw this.#changed();
    return bytes.subarray(skipped);
  }

  #changed(): SluiceError {
    return new SluiceError(
      'INTAKE_CHANGED',
      `${this.#split} has no row where the interrupted job stopped reading. Restore it, or start anew with --overwrite.`,
    );
  }
}
