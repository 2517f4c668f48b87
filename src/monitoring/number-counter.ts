import { histogramOf } from '../core/linear-histogram.ts';
import type { ColumnStatistics, NumberStatistics } from '../core/statistics.ts';
import { Cell } from './cell.ts';
import { IntervalLookup } from './interval-lookup.ts';
import { ValueTally } from './value-tally.ts';

/** Counts a column of numbers. They are gathered first: sums over an array cost a fraction of sums cell by cell. */
export class NumberCounter {
  readonly name: string;
  /** Null without a baseline. */
  readonly #intervals: IntervalLookup | null;
  readonly #bins: number[];
  readonly #cell = new Cell();
  readonly #texts = new ValueTally();
  #values = new Float64Array(1_024);
  #count = 0;
  #missing = 0;

  /** @param edges of the baseline's intervals, ascending; null where there are none. */
  constructor(name: string, edges: readonly number[] | null) {
    this.name = name;
    this.#intervals = edges === null ? null : new IntervalLookup(edges);
    this.#bins = Array.from({ length: edges === null ? 0 : edges.length + 1 }, () => 0);
  }

  read(bytes: Uint8Array, at: number): number {
    const cell = this.#cell;
    const end = cell.number(bytes, at);
    const { value } = cell;
    if (value === value) {
      if (this.#count === this.#values.length) this.#grow();
      this.#values[this.#count++] = value;
    } else if (cell.isMissing) {
      this.#missing += 1;
    } else {
      cell.text(bytes, at);
      this.#texts.add(cell.hash, bytes, at, end);
    }
    return end;
  }

  miss(cells: number): void {
    this.#missing += cells;
  }

  take(): ColumnStatistics {
    const { name } = this;
    const numbers = this.#count === 0 ? null : this.#numbers();
    const taken = { name, missing: this.#missing, numbers, texts: this.#texts.take(), bins: this.#counted() };
    this.#count = 0;
    this.#missing = 0;
    return taken;
  }

  #numbers(): NumberStatistics {
    const values = this.#values;
    const count = this.#count;
    let min = values[0]!;
    let max = min;
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      const value = values[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
      sum += value;
    }
    const mean = Number.isFinite(sum) ? sum / count : meanOfShares(values, count);
    let squares = 0;
    for (let i = 0; i < count; i += 1) {
      const apart = values[i]! - mean;
      squares += apart * apart;
    }
    const histogram = this.#intervals === null ? histogramOf(values, count, min, max) : null;
    // JSON has no minus zero, and no infinity.
    const spread = Number.isFinite(squares) ? squares : null;
    return { count, min: min + 0, max: max + 0, mean: mean + 0, squares: spread, histogram };
  }

  #counted(): readonly number[] | null {
    const intervals = this.#intervals;
    if (intervals === null) return null;
    const bins = this.#bins.fill(0);
    for (let i = 0; i < this.#count; i += 1) bins[intervals.of(this.#values[i]!)]! += 1;
    return [...bins];
  }

  #grow(): void {
    const larger = new Float64Array(4 * this.#values.length);
    larger.set(this.#values);
    this.#values = larger;
  }
}

/** The mean of numbers whose sum is past the range of doubles, which it itself never is. */
function meanOfShares(values: Float64Array, count: number): number {
  let mean = 0;
  for (let i = 0; i < count; i += 1) mean += values[i]! / count;
  return mean;
}
