import { SluiceError } from '../../core/error.ts';
import { TextReader } from '../text/text-reader.ts';
import { type CsvDialect, substituteMarks } from './csv-dialect.ts';
import type { CsvPosition } from './csv-position.ts';

const CR = 0x0d;
const LF = 0x0a;

/**
 * Brings the bytes of a source into the form that the scanner reads: UTF-8 with one byte for each delimiter and quote.
 * Bytes that have it already pass untouched. Others are decoded from the start of the source, and what lies before
 * the position is left out, because no other place is known where decoding could begin.
 */
export class CsvText {
  readonly #dialect: CsvDialect;
  readonly #split: string;
  readonly #reader: TextReader | null;
  #toSkip: number;

  constructor(dialect: CsvDialect, from: CsvPosition, split: string) {
    this.#dialect = dialect;
    this.#split = split;
    this.#reader = dialect.direct ? null : new TextReader(dialect.encoding);
    this.#toSkip = dialect.direct ? 0 : from.offset;
  }

  /** Bytes were met that do not fit the encoding; what was returned last ends just before them. */
  get broken(): boolean {
    return this.#reader?.broken ?? false;
  }

  /** The offset in the source of the first byte that does not fit; null where that is not known. */
  get brokenAt(): number | null {
    return this.#reader?.brokenAt ?? null;
  }

  /** The next bytes for the scanner, which copies them. */
  read(chunk: Uint8Array): Uint8Array {
    return this.#reader === null ? chunk : this.#behindSkip(this.#reader.read(chunk));
  }

  /** The same at the end of the source. Throws INTAKE_CHANGED when it ended before the position. */
  finish(): Uint8Array {
    const rest = this.#reader === null ? new Uint8Array(0) : this.#behindSkip(this.#reader.finish());
    if (this.#toSkip > 0 && !this.broken) throw this.#changed();
    return rest;
  }

  #behindSkip(text: string): Uint8Array {
    const bytes = substituteMarks(new TextEncoder().encode(text), this.#dialect);
    if (this.#toSkip === 0) return bytes;
    const skipped = Math.min(this.#toSkip, bytes.length);
    this.#toSkip -= skipped;
    // A position is always behind a line end, or at the end of the source.
    const last = bytes[skipped - 1];
    if (this.#toSkip === 0 && skipped < bytes.length && last !== LF && last !== CR) throw this.#changed();
    return bytes.subarray(skipped);
  }

  #changed(): SluiceError {
    return new SluiceError(
      'INTAKE_CHANGED',
      `${this.#split} has no record where the interrupted job stopped reading. Restore it, or start anew with --overwrite.`,
    );
  }
}
