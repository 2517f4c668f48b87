import type { LabelFlips } from './comparison.ts';

/** So many pairs of labels are told apart: a text column that is no label must not fill the memory. */
const MOST_PAIRS = 10_000;
const TOP = 10;

/** Counts from which label to which rows went. */
export class FlipCounts {
  readonly #pairs = new Map<string, { readonly from: string | null; readonly to: string | null; rows: number }>();
  #rows = 0;

  add(from: string | null, to: string | null): void {
    this.#rows += 1;
    const name = JSON.stringify([from, to]);
    const known = this.#pairs.get(name);
    if (known !== undefined) known.rows += 1;
    else if (this.#pairs.size < MOST_PAIRS) this.#pairs.set(name, { from, to, rows: 1 });
  }

  result(column: string, compared: number): LabelFlips {
    const top = [...this.#pairs.values()].toSorted((a, b) => b.rows - a.rows).slice(0, TOP);
    return { column, rows: this.#rows, share: compared === 0 ? 0 : this.#rows / compared, top };
  }
}
