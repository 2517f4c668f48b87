import type { BatchLimits } from '../core/batch-limits.ts';

/** The setting `chunkSize`: a strategy, or a number of bytes. */
export type ChunkSize = 'auto' | 'fixed' | 'dynamic' | number;

const KIB = 1024;
const MB = 1_000_000;

/** Where `dynamic` starts, and what `auto` uses: large enough that requests cost little, small enough to stay in caches. */
const AUTO_BYTES = 256 * KIB;
const AUTO_BYTES_EXPLAINED = 64 * KIB;
/** What DataRobot documents for `fixed`: 5 MB, 1 MB with explanations. */
const FIXED_BYTES = 5 * MB;
const FIXED_BYTES_EXPLAINED = 1 * MB;

/** A request of `dynamic` should take about so long: long enough to amortise its cost, short enough to retry cheaply. */
const DYNAMIC_FAST_MS = 100;
const DYNAMIC_SLOW_MS = 400;
const DYNAMIC_MIN_BYTES = 16 * KIB;

/**
 * How large the batches of a job are. All but `dynamic` cut the same batches on every run; `dynamic` follows the latency of
 * the server, told by `observe`, between 16 KiB and the size of `fixed`.
 */
export class BatchSizing implements BatchLimits {
  readonly rows: number;
  readonly lingerMs: number;
  readonly #dynamic: boolean;
  readonly #maxBytes: number;
  #bytes: number;

  constructor(settings: {
    readonly chunkSize: ChunkSize;
    readonly rows: number;
    readonly lingerMs: number;
    readonly explained: boolean;
  }) {
    const { chunkSize, explained } = settings;
    this.rows = settings.rows;
    this.lingerMs = settings.lingerMs;
    this.#dynamic = chunkSize === 'dynamic';
    this.#maxBytes = explained ? FIXED_BYTES_EXPLAINED : FIXED_BYTES;
    if (typeof chunkSize === 'number') this.#bytes = chunkSize;
    else if (chunkSize === 'fixed') this.#bytes = this.#maxBytes;
    else this.#bytes = explained ? AUTO_BYTES_EXPLAINED : AUTO_BYTES;
  }

  /** As a job's settings have it. */
  static of(job: {
    readonly chunkSize: ChunkSize;
    readonly chunkRows: number;
    readonly lingerMs: number;
    readonly maxExplanations: number;
  }): BatchSizing {
    const { chunkSize, chunkRows, lingerMs, maxExplanations } = job;
    return new BatchSizing({ chunkSize, rows: chunkRows, lingerMs, explained: maxExplanations > 0 });
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Told of every finished request: its latency in milliseconds. */
  observe(latencyMs: number): void {
    if (!this.#dynamic) return;
    if (latencyMs < DYNAMIC_FAST_MS) this.#bytes = Math.min(this.#maxBytes, Math.ceil(this.#bytes * 1.25));
    else if (latencyMs > DYNAMIC_SLOW_MS) this.#bytes = Math.max(DYNAMIC_MIN_BYTES, Math.floor(this.#bytes * 0.7));
  }
}
