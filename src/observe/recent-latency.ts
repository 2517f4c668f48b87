import type { Clock } from '../core/clock.ts';
import { LatencyHistogram } from './latency-histogram.ts';

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

  /** As of now: what ends later is not in it. */
  histogram(): LatencyHistogram {
    this.#turn();
    const both = new LatencyHistogram();
    both.add(this.#before.counts());
    both.add(this.#now.counts());
    return both;
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
