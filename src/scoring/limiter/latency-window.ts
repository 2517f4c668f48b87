/** Sums over the requests that a decision rests on. */
export class LatencyWindow {
  samples = 0;
  /** Samples that began when no further request was allowed. */
  full = 0;
  overloads = 0;
  #rows = 0;
  #rowSquares = 0;
  #latency = 0;
  #latencySquares = 0;
  #products = 0;
  #inFlight = 0;

  add(rows: number, latencyMs: number, inFlight: number, isFull: boolean): void {
    this.samples += 1;
    if (isFull) this.full += 1;
    this.#rows += rows;
    this.#rowSquares += rows ** 2;
    this.#latency += latencyMs;
    this.#latencySquares += latencyMs ** 2;
    this.#products += rows * latencyMs;
    this.#inFlight += inFlight;
  }

  /** Whether the limit was what held the client back, most of the time. */
  get isFull(): boolean {
    return 2 * this.full > this.samples;
  }

  /** Rows per request, mean. */
  get rows(): number {
    return this.#rows / this.samples;
  }

  /** Milliseconds, mean. */
  get latency(): number {
    return this.#latency / this.samples;
  }

  /** Requests under way when one began, that one included; mean. */
  get inFlight(): number {
    return this.#inFlight / this.samples;
  }

  /** The sum of squared differences from the mean number of rows. */
  get rowSpread(): number {
    return Math.max(0, this.#rowSquares - this.samples * this.rows ** 2);
  }

  /** The sum of products of the differences of rows and latencies from their means. */
  get covariation(): number {
    return this.#products - this.samples * this.rows * this.latency;
  }

  /** The standard deviation of the latencies as a share of their mean, without what the rows explain. */
  get jitter(): number {
    const explained = this.rowSpread > 0 ? this.covariation ** 2 / this.rowSpread : 0;
    const squares = Math.max(0, this.#latencySquares - this.samples * this.latency ** 2 - explained);
    return Math.sqrt(squares / Math.max(1, this.samples - 1)) / this.latency;
  }
}
