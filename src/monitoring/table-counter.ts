import { fieldEnd } from '../core/canonical-csv.ts';
import type { ColumnStatistics } from '../core/statistics.ts';
import type { ColumnCounter } from './column-counter.ts';

interface Records {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

/** Counts some columns of tables of canonical CSV. Cells behind the last of them are not looked at, nor are other columns parsed. */
export class TableCounter {
  readonly #counters: readonly ColumnCounter[];
  /** By place in the record; null for columns that are not counted. */
  readonly #byPlace: readonly (ColumnCounter | null)[];
  readonly #absent: readonly ColumnCounter[];

  /** @param columns the names of the table's columns. A counter whose column is not among them misses every cell. */
  constructor(counters: readonly ColumnCounter[], columns: readonly string[]) {
    this.#counters = counters;
    const byName = new Map(counters.map((counter) => [counter.name, counter]));
    const places = columns.map((name) => byName.get(name) ?? null);
    this.#byPlace = places.slice(0, places.findLastIndex((counter) => counter !== null) + 1);
    this.#absent = counters.filter((counter) => !places.includes(counter));
  }

  /** @param rows the rows to look at, ascending. */
  count({ bytes, ends }: Records, rows: Uint32Array): readonly ColumnStatistics[] {
    const places = this.#byPlace;
    for (let i = 0; i < rows.length; i += 1) {
      const row = rows[i]!;
      let at = row === 0 ? 0 : ends[row - 1]!;
      for (let place = 0; place < places.length; place += 1) {
        const counter = places[place]!;
        at = (counter === null ? fieldEnd(bytes, at) : counter.read(bytes, at)) + 1;
      }
    }
    for (const counter of this.#absent) counter.miss(rows.length);
    return this.#counters.map((counter) => counter.take());
  }
}
