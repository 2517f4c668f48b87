import { decodeField, encodeField } from '../core/canonical-csv.ts';
import { MOST_VALUES, NO_VALUES, SHOWN_CHARACTERS, type ValueCount, type ValueCounts } from '../core/statistics.ts';
import { Cell } from './cell.ts';

const encoder = new TextEncoder();

/** Counts texts of one batch; see `ValueCounts`. */
export class ValueTally {
  readonly #characters: number;
  readonly #kept = new Map<number, { readonly text: string; count: number }>();
  #count = 0;
  /** The greatest hash that is kept, once there are as many as may be. */
  #greatest = Number.POSITIVE_INFINITY;

  /** @param characters how much of a text is kept. */
  constructor(characters = SHOWN_CHARACTERS) {
    this.#characters = characters;
  }

  /** @param hash that of the canonical cell from `start` to `end`. */
  add(hash: number, bytes: Uint8Array, start: number, end: number): void {
    this.#count += 1;
    if (hash > this.#greatest) return;
    const known = this.#kept.get(hash);
    if (known === undefined) this.#keep(hash, decodeField(bytes, start, end) ?? '');
    else known.count += 1;
  }

  addText(text: string): void {
    const bytes = encoder.encode(`${encodeField(text)}\n`);
    const cell = new Cell();
    this.add((cell.text(bytes, 0), cell.hash), bytes, 0, bytes.length - 1);
  }

  /** What was counted, and begins anew. */
  take(): ValueCounts {
    if (this.#count === 0) return NO_VALUES;
    const values = [...this.#kept].map(([hash, { text, count }]): ValueCount => [hash, text, count]);
    const counts = { count: this.#count, values: values.toSorted(([a], [b]) => a - b) };
    this.#kept.clear();
    this.#count = 0;
    this.#greatest = Number.POSITIVE_INFINITY;
    return counts;
  }

  #keep(hash: number, text: string): void {
    this.#kept.set(hash, { text: text.slice(0, this.#characters), count: 1 });
    if (this.#kept.size > MOST_VALUES) this.#kept.delete(this.#greatestKept());
    if (this.#kept.size === MOST_VALUES) this.#greatest = this.#greatestKept();
  }

  #greatestKept(): number {
    let greatest = 0;
    for (const hash of this.#kept.keys()) if (hash > greatest) greatest = hash;
    return greatest;
  }
}
