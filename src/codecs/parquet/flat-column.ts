import { type Cells, cellsOf, DictionaryCells } from './cells.ts';
import type { ColumnCursor } from './column-cursor.ts';
import type { LeafPages } from './leaf-pages.ts';
import type { LeafType } from './leaf-type.ts';
import { brokenParquet, type ParquetPlace, takenApart } from './parquet-fault.ts';
import type { RecordBuffer } from './record-buffer.ts';

const NO_CELLS: Cells = { put: () => undefined };

/** A column that is neither nested nor repeated: one page of it is decoded at a time. */
export class FlatColumn implements ColumnCursor {
  readonly #pages: LeafPages;
  readonly #leaf: LeafType;
  readonly #place: ParquetPlace;
  #dictionary: DictionaryCells | null = null;
  #cells: Cells = NO_CELLS;
  #present: Uint8Array | null = null;
  #rows = 0;
  #row = 0;
  #value = 0;

  constructor(pages: LeafPages, leaf: LeafType, place: ParquetPlace) {
    this.#pages = pages;
    this.#leaf = leaf;
    this.#place = place;
  }

  put(out: RecordBuffer): void {
    while (this.#row === this.#rows) this.#turn(0);
    const row = this.#row;
    this.#row = row + 1;
    if (this.#present !== null && this.#present[row] !== 1) return;
    this.#cells.put(out, this.#value);
    this.#value += 1;
  }

  skip(rows: number): void {
    let left = rows;
    while (left > 0) {
      left -= this.#turn(left);
      const within = Math.min(left, this.#rows);
      left -= within;
      this.#row = within;
      this.#value = within;
      if (this.#present === null) continue;
      this.#value = 0;
      for (let row = 0; row < within; row += 1) if (this.#present[row] === 1) this.#value += 1;
    }
  }

  /** Turns the page; returns how many rows were passed over instead. */
  #turn(skip: number): number {
    const part = this.#pages.next(skip);
    if (part.kind === 'skipped') return part.entries;
    takenApart(this.#place, () => {
      if (part.kind === 'dictionary') {
        this.#dictionary = new DictionaryCells(cellsOf(this.#leaf, part.values), part.values.length);
        return;
      }
      const { entries, definition, values, indexes } = part.page;
      if (values !== null) this.#cells = cellsOf(this.#leaf, values);
      else {
        if (this.#dictionary === null)
          throw brokenParquet(this.#place, 'a page refers to a dictionary that is not there');
        this.#dictionary.choose(indexes!);
        this.#cells = this.#dictionary;
      }
      this.#present = definition;
      this.#rows = entries;
      this.#row = 0;
      this.#value = 0;
    });
    return 0;
  }
}
