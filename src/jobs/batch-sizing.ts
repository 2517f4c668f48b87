import type { BatchLimits } from '../core/batch-limits.ts';
import type { SentRequest } from '../scoring/limiter.ts';
import type { JobDescription } from './description/parse-job.ts';
import { LearnedSize } from './learned-size.ts';

const KIB = 1024;
const MB = 1_000_000;

/** Where `dynamic` and `auto` start: large enough that requests cost little, small enough to stay in caches. */
const AUTO_BYTES = 256 * KIB;
const AUTO_BYTES_EXPLAINED = 64 * KIB;
/** What DataRobot documents for `fixed`: 5 MB, 1 MB with explanations. */
const FIXED_BYTES = 5 * MB;
const FIXED_BYTES_EXPLAINED = 1 * MB;

/** A request of `dynamic` should take about so long: long enough to amortise its cost, short enough to retry cheaply. */
const DYNAMIC_FAST_MS = 100;
const DYNAMIC_SLOW_MS = 400;
/**
 * Requests above 256 KiB cost Sluice itself more for each row, as its buffers are made for that size. Where it moves so much it is near its own
 * limit, and a server of that speed gains nothing by them.
 */
const FAST_BYTES_PER_MS = 10_000;
const LEAST_BYTES = 16 * KIB;

/** What the size of batches depends on. */
type SizedJob = Pick<JobDescription, 'chunkSize' | 'chunkRows' | 'isChunkRowsGiven' | 'lingerMs' | 'maxExplanations'>;

/**
 * How large the batches of a job are. `dynamic` follows the latency of batches, told by `observe`, and `auto` learns the best size of
 * requests from all that `sent` is told, where it is allowed to; both stay between 16 KiB and the size of `fixed`. All others cut the
 * same batches on every run.
 */
export class BatchSizing implements BatchLimits {
  readonly lingerMs: number;
  readonly #isDynamic: boolean;
  readonly #most: number;
  readonly #rows: number;
  readonly #mostRows: number;
  readonly #learned: LearnedSize | null;
  #bytes: number;

  /** @param learns whether `auto` may cut other batches than another run of the job would (see `learnsSize`). */
  constructor({ chunkSize, chunkRows, isChunkRowsGiven, lingerMs, maxExplanations }: SizedJob, learns = false) {
    const isExplained = maxExplanations > 0;
    this.lingerMs = lingerMs;
    this.#isDynamic = chunkSize === 'dynamic';
    this.#most = isExplained ? FIXED_BYTES_EXPLAINED : FIXED_BYTES;
    if (typeof chunkSize === 'number') this.#bytes = chunkSize;
    else if (chunkSize === 'fixed') this.#bytes = this.#most;
    else this.#bytes = isExplained ? AUTO_BYTES_EXPLAINED : AUTO_BYTES;
    this.#rows = chunkRows;
    this.#mostRows = isChunkRowsGiven ? chunkRows : Infinity;
    const size = { bytes: this.#bytes, least: LEAST_BYTES, most: this.#most, rows: chunkRows, fast: FAST_BYTES_PER_MS };
    this.#learned = learns && chunkSize === 'auto' ? new LearnedSize(size) : null;
  }

  get bytes(): number {
    return this.#learned?.bytes ?? this.#bytes;
  }

  get rows(): number {
    return this.#learned === null ? this.#rows : Math.min(this.#mostRows, this.#learned.rows);
  }

  /** Told of every batch that was scored: its latency in milliseconds, retries included. */
  observe(latencyMs: number): void {
    if (!this.#isDynamic) return;
    if (latencyMs < DYNAMIC_FAST_MS) this.#bytes = Math.min(this.#most, Math.ceil(this.#bytes * 1.25));
    else if (latencyMs > DYNAMIC_SLOW_MS) this.#bytes = Math.max(LEAST_BYTES, Math.floor(this.#bytes * 0.7));
  }

  /** Told of every request. */
  sent(request: SentRequest): void {
    this.#learned?.observe(request);
  }
}
