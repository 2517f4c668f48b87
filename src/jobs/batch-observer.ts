import type { Clock } from '../core/clock.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { Scorer, Scores } from '../core/scorer.ts';

/** Tells of each batch that was scored, and how long it took, in milliseconds, with all its retries. */
export function withBatchObserver(
  scorer: Scorer,
  clock: Clock,
  observe: (latencyMs: number, batch: RowBatch, scores: Scores) => void,
): Scorer {
  return {
    describe: (signal) => scorer.describe(signal),
    score: async (batch, signal) => {
      const start = clock.now();
      const scores = await scorer.score(batch, signal);
      observe(clock.now() - start, batch, scores);
      return scores;
    },
    close: () => scorer.close(),
    [Symbol.asyncDispose]: () => scorer.close(),
  };
}
