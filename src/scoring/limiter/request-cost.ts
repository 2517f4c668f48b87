import type { LatencyWindow } from './latency-window.ts';

/** What a window adds to the memory of the slope: old windows count less. */
const MEMORY = 0.95;
/** How far off a latency may be that the slope predicts for another size, as a share of it. */
const TRUSTED = 0.3;

/** Differences in size, as a share, that are too small to tell a slope by. */
const NO_SPREAD = 1e-6;

/**
 * What a request of n rows takes without a queue: a + b·n milliseconds. How latencies differ between requests of one window gives the
 * slope, as all of them waited in one line, whatever their size; where all requests are of one size there is none, and nothing depends on
 * it until the size changes.
 */
export class RequestCost {
  #fixed = 0;
  #perRow = 0;
  #spread = 0;
  #covariation = 0;

  /** Milliseconds; 0 before the first `set`. */
  of(rows: number): number {
    return this.#fixed + this.#perRow * rows;
  }

  /** Requests of so many rows take so long; those of other sizes change in proportion. */
  set(rows: number, latencyMs: number): void {
    const before = this.of(rows);
    if (before > 0) {
      this.#fixed *= latencyMs / before;
      this.#perRow *= latencyMs / before;
    } else this.#fixed = latencyMs;
  }

  /** The slope as a window shows it. Nothing else changes for requests of its mean size. */
  learn(window: LatencyWindow): void {
    const { rows, rowSpread, covariation } = window;
    this.#spread = MEMORY * this.#spread + rowSpread;
    this.#covariation = MEMORY * this.#covariation + covariation;
    if (this.#spread > NO_SPREAD * rows ** 2) this.#turn(rows, this.of(rows), this.#covariation / this.#spread);
  }

  /** Whether the slope is known well enough to say what another size takes. */
  knows(rows: number, from: number, jitter: number): boolean {
    const error = (Math.abs(rows - from) * jitter * this.of(from)) / Math.sqrt(this.#spread);
    return error < TRUSTED * this.of(rows);
  }

  /** A size that nothing is known of takes so long: the slope is that from the size before. */
  meet(rows: number, latencyMs: number, from: number): void {
    const before = this.of(from);
    this.#spread = 0;
    this.#covariation = 0;
    this.#turn(rows, latencyMs, (latencyMs - before) / (rows - from));
  }

  /** Another slope through a point. Neither part of a cost is ever negative. */
  #turn(rows: number, latencyMs: number, perRow: number): void {
    this.#perRow = Math.min(Math.max(0, perRow), latencyMs / rows);
    this.#fixed = latencyMs - this.#perRow * rows;
  }
}
