import { decodeField, fieldBounds } from '../../core/canonical-csv.ts';
import type { ComparePlan } from './compare-plan.ts';
import { ComparedColumn } from './compared-column.ts';

/** A canonical record within a buffer; `end` is that of its last field, before the LF. */
export interface RecordAt {
  bytes: Buffer;
  start: number;
  end: number;
}

/** Compares pairs of records cell by cell. */
export class RowComparer {
  readonly columns: readonly ComparedColumn[];
  readonly #places: readonly { readonly a: number; readonly b: number }[];
  readonly #a: Uint32Array;
  readonly #b: Uint32Array;
  readonly #sameLayout: boolean;
  #compared = 0;
  #changed = 0;

  constructor(plan: ComparePlan, tolerance: number) {
    this.columns = plan.columns.map(({ name, use }) => new ComparedColumn(name, use, tolerance));
    this.#places = plan.columns.map(({ a, b }) => ({ a: 2 * a, b: 2 * b }));
    this.#a = boundsFor(plan.columns.map(({ a }) => a));
    this.#b = boundsFor(plan.columns.map(({ b }) => b));
    this.#sameLayout = plan.columns.every(({ a, b }) => a === b);
  }

  /** Pairs so far. */
  get compared(): number {
    return this.#compared;
  }

  /** Pairs of which a cell differs. */
  get changed(): number {
    return this.#changed;
  }

  compare(a: RecordAt, b: RecordAt): void {
    this.#compared += 1;
    fieldBounds(a.bytes, a.start, this.#a);
    if (this.#sameLayout && a.bytes.compare(b.bytes, b.start, b.end, a.start, a.end) === 0) {
      for (const [i, column] of this.columns.entries()) if (column.countsEqual) column.equal(this.#textA(a, i));
      return;
    }
    fieldBounds(b.bytes, b.start, this.#b);
    let changed = false;
    for (const [i, column] of this.columns.entries()) {
      const place = this.#places[i]!;
      const [startA, endA] = [this.#a[place.a]!, this.#a[place.a + 1]!];
      const [startB, endB] = [this.#b[place.b]!, this.#b[place.b + 1]!];
      if (a.bytes.compare(b.bytes, startB, endB, startA, endA) === 0) {
        if (column.countsEqual) column.equal(this.#textA(a, i));
      } else if (column.compare(decodeField(a.bytes, startA, endA), decodeField(b.bytes, startB, endB))) {
        changed = true;
      }
    }
    if (changed) this.#changed += 1;
  }

  #textA(a: RecordAt, column: number): string | null {
    const place = this.#places[column]!.a;
    return decodeField(a.bytes, this.#a[place]!, this.#a[place + 1]!);
  }
}

/** Room for the bounds of the fields up to the last that is wanted. */
function boundsFor(places: readonly number[]): Uint32Array {
  return new Uint32Array(2 * (places.reduce((most, place) => Math.max(most, place), -1) + 1));
}
