/** Buckets grow by 1 %: a value from the middle of one is off by 0.5 % at the most. */
const GROWTH = Math.log(1.01);

/** Differences of any number of pairs, in bounded memory: sums, maximum, and percentiles of the absolute value. */
export class DifferenceSketch {
  /** By logarithm; differences of doubles give some tens of thousands at the very most. */
  readonly #buckets = new Map<number, number>();
  #count = 0;
  #zeros = 0;
  #sum = 0;
  #absolute = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  /** Null while there is none. */
  get mean(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }

  get meanAbsolute(): number | null {
    return this.#count === 0 ? null : this.#absolute / this.#count;
  }

  get max(): number | null {
    return this.#count === 0 ? null : this.#max;
  }

  /** @param difference finite. */
  add(difference: number): void {
    this.#count += 1;
    if (difference === 0) {
      this.#zeros += 1;
      return;
    }
    const size = Math.abs(difference);
    this.#sum += difference;
    this.#absolute += size;
    this.#max = Math.max(this.#max, size);
    const bucket = Math.floor(Math.log(size) / GROWTH);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  /** The absolute difference that a share `q` (0 to 1) of all does not exceed; null while there is none. */
  percentile(q: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let seen = this.#zeros;
    if (seen >= rank) return 0;
    for (const [bucket, count] of [...this.#buckets].toSorted(([a], [b]) => a - b)) {
      seen += count;
      if (seen >= rank) return Math.min(Math.exp((bucket + 0.5) * GROWTH), this.#max);
    }
    return this.#max;
  }
}
