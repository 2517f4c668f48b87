import { COMMA, LF, QUOTE } from '../core/canonical-csv.ts';
import { invalidRequest } from './input-rows.ts';

const CR = 0x0d;

/**
 * Steps through the fields of comma-separated text (RFC 4180; records end with LF, CRLF or CR, empty lines are no
 * records). Strict about quotes: one within an unquoted field, text behind a closing one and an unclosed one are refused.
 */
export class CsvScanner {
  readonly #bytes: Uint8Array;
  #at: number;
  /** The field that `next` found, with its quotes. */
  start = 0;
  end = 0;
  quoted = false;
  /** Whether quotes are doubled within. */
  escaped = false;
  /** Whether the record ends behind the field. */
  last = false;
  /** The row that the fields belong to, for messages; undefined in the header. */
  row: number | undefined;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  /** Goes to the next record; false when there is none. */
  nextRecord(): boolean {
    while (this.#bytes[this.#at] === LF || this.#bytes[this.#at] === CR) this.#at += 1;
    return this.#at < this.#bytes.length;
  }

  /** Finds the next field of the record. */
  nextField(): void {
    const bytes = this.#bytes;
    const { length } = bytes;
    let at = this.#at;
    this.start = at;
    this.quoted = at < length && bytes[at] === QUOTE;
    this.escaped = false;
    if (this.quoted) {
      at = this.#closingQuote(at + 1) + 1;
      const byte = at < length ? bytes[at] : LF;
      if (byte !== COMMA && byte !== LF && byte !== CR) throw invalidRequest('text follows a closing quote.', this.row);
    } else {
      while (at < length) {
        const byte = bytes[at]!;
        if (byte === COMMA || byte === LF || byte === CR) break;
        if (byte === QUOTE) throw invalidRequest('a quote stands within an unquoted field.', this.row);
        at += 1;
      }
    }
    this.end = at;
    this.last = at >= length || bytes[at] !== COMMA;
    this.#at = this.last ? at : at + 1;
  }

  #closingQuote(from: number): number {
    const bytes = this.#bytes;
    for (let at = from; ; at += 2) {
      at = bytes.indexOf(QUOTE, at);
      if (at < 0) throw invalidRequest('a quote is never closed.', this.row);
      if (at + 1 >= bytes.length || bytes[at + 1] !== QUOTE) return at;
      this.escaped = true;
    }
  }
}
