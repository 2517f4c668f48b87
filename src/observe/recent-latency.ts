import type { Clock } from '../core/clock.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { Quantiles } from './service-statistics.ts';

const WINDOW_MS = 5_000;

/** Latency of the requests that ended in the last five to ten seconds: what shows that a server has become slower while a job goes on. */
export class RecentLatency {
  readonly #clock: Clock;
  #since: number;
  #now = new LatencyHistogram();
  #before = new LatencyHistogram();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  record(ms: number): void {
    this.#turn();
    this.#now.record(ms);
  }

  /** In milliseconds; null when no request has ended in that time. */
  quantiles(): Quantiles | null {
    this.#turn();
    const of = (share: number): number | null => this.#now.percentile(share, this.#before);
    const [p50, p90, p99] = [of(0.5), of(0.9), of(0.99)];
    return p50 === null || p90 === null || p99 === null ? null : { p50, p90, p99 };
  }

  #turn(): void {
    const now = this.#clock.now();
    const windows = Math.floor((now - this.#since) / WINDOW_MS);
    if (windows === 0) return;
    this.#before = windows === 1 ? this.#now : new LatencyHistogram();
    this.#now = new LatencyHistogram();
    this.#since += windows * WINDOW_MS;
  }
}
