import type { RowFailure } from '../../core/scorer.ts';
import {
  eachItem,
  eachMember,
  nameAt,
  numberEnd,
  parsed,
  skipSpace,
  stringEnd,
  valueEnd,
  wordAt,
} from './json-bytes.ts';
import { replyMismatch } from './reply-mismatch.ts';
import type { RowOutcomes } from './row-outcomes.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The range of doubles ends at 309 digits. */
const LONG_NUMBER = 300;

/** How rows are written: a number each, numbers in lists, numbers under names, or labels. */
type Form = 'number' | 'list' | 'object' | 'label';

/**
 * Reads the predictions of a JSON reply from a list with one item per row, as DRUM, MLflow and most others write it: a number, a
 * list of numbers, an object of numbers, or a label. Numbers are found in the bytes and not made; what is null, NaN or infinite
 * is the fault of its row. Throws REPLY_MISMATCH when the items are not one per row or not all of one form.
 */
class OutcomeList {
  readonly #target: string;
  readonly #bytes: Uint8Array;
  readonly #rows: number;
  readonly #failures: RowFailure[] = [];
  #form: Form | null = null;
  #width = 0;
  #bounds: Uint32Array = new Uint32Array(0);
  #labels: string[] = [];
  /** The names of an object's numbers, as text and as they are written. */
  #names: readonly string[] = [];
  #written: readonly Uint8Array[] = [];

  /** @param target for messages. @param rows how many there must be. */
  constructor(target: string, bytes: Uint8Array, rows: number) {
    this.#target = target;
    this.#bytes = bytes;
    this.#rows = rows;
  }

  /** Reads the list at `from`, and gives the offset past it. */
  read(from: number): number {
    let count = 0;
    if (this.#bytes[from] !== OPEN_LIST)
      throw replyMismatch(this.#target, 'has no list of predictions where one belongs');
    const end = eachItem(this.#bytes, from, (at, row) => {
      count += 1;
      return row < this.#rows ? this.#item(at, row) : valueEnd(this.#bytes, at);
    });
    if (count !== this.#rows) throw replyMismatch(this.#target, `has ${count} predictions for ${this.#rows} rows`);
    return end;
  }

  get outcomes(): RowOutcomes {
    return {
      rows: this.#rows,
      width: this.#width,
      bounds: this.#bounds,
      source: this.#bytes,
      names: this.#form === 'object' ? this.#names : null,
      labels: this.#form === 'label' ? this.#labels : null,
      float32: false,
      failures: this.#failures,
    };
  }

  #item(at: number, row: number): number {
    const first = this.#bytes[at];
    if (first === OPEN_LIST) return this.#list(at, row);
    if (first === OPEN_OBJECT) return this.#object(at, row);
    if (first === QUOTE) return this.#label(row, at, stringEnd(this.#bytes, at));
    const end = numberEnd(this.#bytes, at);
    if (end !== -1) {
      this.#open('number', 1, row);
      this.#keep(row, 0, at, end);
      return end;
    }
    const word = wordAt(this.#bytes, at);
    if (word === 'true' || word === 'false') return this.#label(row, at, at + word.length);
    if (word === null) throw new SyntaxError(`no JSON at byte ${at}`);
    this.#fail(row, `the prediction is ${word}, not a number`);
    return at + word.length;
  }

  #label(row: number, from: number, to: number): number {
    this.#open('label', 0, row);
    const value = parsed(this.#bytes, from, to);
    const label = typeof value === 'string' ? value : value === true ? 'True' : 'False';
    if (label === '') this.#fail(row, 'the prediction is blank');
    while (this.#labels.length < row) this.#labels.push('');
    this.#labels.push(label);
    return to;
  }

  #list(at: number, row: number): number {
    if (this.#form !== 'list') {
      let width = 0;
      eachItem(this.#bytes, at, (inner) => {
        width += 1;
        return valueEnd(this.#bytes, inner);
      });
      this.#open('list', width, row);
    }
    let count = 0;
    const end = eachItem(this.#bytes, at, (inner, cell) => {
      count += 1;
      return cell < this.#width ? this.#cell(row, cell, inner) : valueEnd(this.#bytes, inner);
    });
    if (count !== this.#width) throw this.#otherForm(row);
    return end;
  }

  #object(from: number, row: number): number {
    const bytes = this.#bytes;
    if (this.#form !== 'object') {
      const written: Uint8Array[] = [];
      eachMember(bytes, from, (start, end, at) => {
        written.push(bytes.subarray(start, end));
        return valueEnd(bytes, at);
      });
      this.#open('object', written.length, row);
      this.#written = written;
      this.#names = written.map((name) => nameAt(name, 0, name.length));
    }
    // Servers write the names of all rows in one order; look them up only where they do not.
    let at = from + 1;
    for (const [cell, name] of this.#written.entries()) {
      at = skipSpace(bytes, at);
      if (!startsWith(bytes, at, name)) return this.#shuffled(from, row);
      at = skipSpace(bytes, at + name.length);
      if (bytes[at] !== COLON) return this.#shuffled(from, row);
      at = skipSpace(bytes, this.#cell(row, cell, skipSpace(bytes, at + 1)));
      const closing = cell === this.#written.length - 1 ? CLOSE_OBJECT : COMMA;
      if (bytes[at] !== closing) return this.#shuffled(from, row);
      at += 1;
    }
    return at;
  }

  #shuffled(from: number, row: number): number {
    const found = new Set<number>();
    const end = eachMember(this.#bytes, from, (start, nameEnd, at) => {
      const cell = this.#names.indexOf(nameAt(this.#bytes, start, nameEnd));
      if (cell === -1 || found.has(cell)) throw this.#otherForm(row);
      found.add(cell);
      return this.#cell(row, cell, at);
    });
    if (found.size !== this.#width) throw this.#otherForm(row);
    return end;
  }

  /** One number of a row. */
  #cell(row: number, cell: number, at: number): number {
    const end = numberEnd(this.#bytes, at);
    if (end !== -1) {
      this.#keep(row, cell, at, end);
      return end;
    }
    const past = valueEnd(this.#bytes, at);
    const word = wordAt(this.#bytes, at);
    this.#fail(
      row,
      word === null ? 'a prediction value is not a number' : `a prediction value is ${word}, not a number`,
    );
    return past;
  }

  #keep(row: number, cell: number, from: number, to: number): void {
    const at = 2 * (row * this.#width + cell);
    this.#bounds[at] = from;
    this.#bounds[at + 1] = to;
    // Only a number with an exponent, or a very long one, can be past the range of doubles.
    if (to - from < LONG_NUMBER && !this.#hasExponent(from, to)) return;
    if (!Number.isFinite(Number(latin(this.#bytes, from, to)))) this.#fail(row, 'the prediction is infinite');
  }

  #hasExponent(from: number, to: number): boolean {
    // An exponent that matters has three digits: it stands in the last five characters.
    for (let at = Math.max(from, to - 5); at < to; at += 1) if ((this.#bytes[at]! | 0x20) === 0x65) return true;
    return false;
  }

  #fail(row: number, reason: string): void {
    if (this.#failures.at(-1)?.row !== row) this.#failures.push({ row, reason, attempts: 1 });
  }

  /** Settles the form of the rows by the first that has one; another form later is no reply of ours. */
  #open(form: Form, width: number, row: number): void {
    if (this.#form === form && (form === 'number' || form === 'label')) return;
    if (this.#form !== null) throw this.#otherForm(row);
    if (form !== 'label' && width === 0) throw replyMismatch(this.#target, `has an empty prediction in row ${row}`);
    this.#form = form;
    this.#width = width;
    this.#bounds = new Uint32Array(2 * this.#rows * width);
  }

  #otherForm(row: number): Error {
    return replyMismatch(this.#target, `has another form in row ${row} than in the rows before, or other classes`);
  }
}

/** Reads the list at `from` whole. @param rows how many items it must have. */
export function readList(
  target: string,
  bytes: Uint8Array,
  from: number,
  rows: number,
): { readonly outcomes: RowOutcomes; readonly end: number } {
  const list = new OutcomeList(target, bytes, rows);
  const end = list.read(from);
  return { outcomes: list.outcomes, end };
}

function startsWith(bytes: Uint8Array, at: number, part: Uint8Array): boolean {
  for (let i = 0; i < part.length; i += 1) if (bytes[at + i] !== part[i]) return false;
  return true;
}

function latin(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}
