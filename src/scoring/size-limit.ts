import type { RowBatch } from '../core/row-batch.ts';

/**
 * The largest batch that the server may take, in bytes of canonical CSV: below the smallest that it refused, for the
 * rest of the job. Sizes vary at random, so a new smallest one is refused ever more rarely.
 */
export class SizeLimit {
  #refused = Infinity;

  refused(bytes: number): void {
    this.#refused = Math.min(this.#refused, bytes);
  }

  /** Where to cut rows `from` to `to` of a batch into even pieces below the limit: the ends of all pieces but the last. */
  cuts(batch: RowBatch, from: number, to: number): readonly number[] {
    const start = batch.start(from);
    const bytes = batch.ends[to - 1]! - start;
    if (bytes < this.#refused) return [];
    // A piece may be longer than its share by one row; one more piece makes room for that.
    const pieces = Math.min(to - from, Math.floor(bytes / this.#refused) + 1);
    const cuts: number[] = [];
    for (let row = from, piece = 1; row < to - 1 && piece < pieces; row += 1) {
      if (batch.ends[row]! - start < (piece * bytes) / pieces) continue;
      cuts.push(row + 1);
      piece += 1;
    }
    return cuts;
  }
}
