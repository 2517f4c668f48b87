import type { Clock } from '../core/clock.ts';
import { RowBatch } from '../core/row-batch.ts';
import type { Scorer, Scores } from '../core/scorer.ts';

/** Milliseconds after which another good row takes the place of the one that is kept. A copy of each would cost more than it is worth. */
const GOOD_FOR_MS = 10_000;

/**
 * What all partitions of a job know together of the server: whether it ever worked, how often it did, since when it
 * has not. One per job.
 */
export class ServerHealth {
  readonly #clock: Clock;
  #successes = 0;
  #failingSince: number | null = null;
  #good: { readonly row: RowBatch; readonly sinceMs: number } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Requests that scored at least one row. */
  get successes(): number {
    return this.#successes;
  }

  /** A row that the server scored, as a batch of its own; null while there is none. Shows whether it still works. */
  get goodRow(): RowBatch | null {
    return this.#good?.row ?? null;
  }

  succeeded(batch: RowBatch, scores: Scores): void {
    this.#failingSince = null;
    if (scores.failures.length === batch.rows) return;
    this.#successes += 1;
    const now = this.#clock.now();
    if (this.#good !== null && now - this.#good.sinceMs < GOOD_FOR_MS) return;
    // The first row that did not fail: failures are sorted by row.
    let row = 0;
    while (scores.failures[row]?.row === row) row += 1;
    this.#good = { row: copied(batch.slice(row, row + 1)), sinceMs: now };
  }

  /** The server refused rows or a size: it works, though it did not score. */
  answered(): void {
    this.#failingSince = null;
  }

  /** How long nothing but failures has come from the server, in milliseconds; the first failure starts the time. */
  failed(): number {
    const now = this.#clock.now();
    this.#failingSince ??= now;
    return now - this.#failingSince;
  }
}

/** Memory of its own: that of a batch is written to again when the batch has been released, also where a slice of it was sent. */
function copied({ schema, origin, bytes, ends }: RowBatch): RowBatch {
  return RowBatch.fromCsv(schema, origin, new Uint8Array(bytes), ends);
}

/** Notes every success in `health`. */
export function withHealth(scorer: Scorer, health: ServerHealth): Scorer {
  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    const scores = await scorer.score(batch, signal);
    health.succeeded(batch, scores);
    return scores;
  };
  return {
    describe: (signal) => scorer.describe(signal),
    score,
    close: () => scorer.close(),
    [Symbol.asyncDispose]: () => scorer.close(),
  };
}
