const MOST = 131_072;

/**
 * Numbers in their order, for quantiles: all of them as long as they are few, then every second, every fourth one … Always the same
 * for the same numbers.
 */
export class NumberSample {
  readonly #values = new Float64Array(MOST);
  #kept = 0;
  #seen = 0;
  #every = 1;

  add(value: number): void {
    if (this.#seen % this.#every === 0) {
      if (this.#kept === MOST) this.#thin();
      if (this.#seen % this.#every === 0) this.#values[this.#kept++] = value;
    }
    this.#seen += 1;
  }

  /** Ascending. */
  sorted(): Float64Array {
    return this.#values.subarray(0, this.#kept).toSorted();
  }

  #thin(): void {
    for (let i = 0; i < MOST / 2; i += 1) this.#values[i] = this.#values[2 * i]!;
    this.#kept = MOST / 2;
    this.#every *= 2;
  }
}
