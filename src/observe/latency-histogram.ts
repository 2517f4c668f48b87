/** Buckets grow by 2^(1/8), 9 %, from 0.01 ms to 8 days: a percentile is off by 4.5 % at the most. */
const PER_OCTAVE = 8;
const SMALLEST_MS = 0.01;
const BUCKETS = 36 * PER_OCTAVE;

/** The buckets that are not empty, each with its count: JSON that can be kept and added. */
export type LatencyCounts = readonly (readonly [bucket: number, count: number])[];

/** Milliseconds that so large a share of requests stayed below. */
export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** Counts durations in buckets of logarithmic width, so that percentiles of millions of requests take 2 kB. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;

  /** How many durations were recorded. */
  get count(): number {
    return this.#count;
  }

  record(ms: number): void {
    const at = Math.floor(Math.log2(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) * PER_OCTAVE);
    this.#counts[Math.min(at, BUCKETS - 1)]! += 1;
    this.#count += 1;
  }

  /** The duration in milliseconds that a share `q` (0 to 1) of all stayed below; null when there is none. */
  percentile(q: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let seen = 0;
    for (let at = 0; at < BUCKETS; at += 1) {
      seen += this.#counts[at]!;
      if (seen >= rank) return SMALLEST_MS * 2 ** ((at + 0.5) / PER_OCTAVE);
    }
    return null;
  }

  /** Null when there is no duration. */
  quantiles(): Quantiles | null {
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => this.percentile(share));
    return p50 == null || p90 == null || p99 == null ? null : { p50, p90, p99 };
  }

  counts(): LatencyCounts {
    return [...this.#counts].flatMap((count, at) => (count === 0 ? [] : [[at, count] as const]));
  }

  add(counts: LatencyCounts): void {
    for (const [at, count] of counts) {
      this.#counts[Math.min(at, BUCKETS - 1)]! += count;
      this.#count += count;
    }
  }

  /** How many took longer, as exactly as buckets can tell. */
  above(ms: number): number {
    const limit = Math.log2(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) * PER_OCTAVE;
    return this.#counts.reduce((sum, count, at) => (at + 0.5 > limit ? sum + count : sum), 0);
  }
}
