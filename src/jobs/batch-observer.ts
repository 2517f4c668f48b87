import type { Clock } from '../core/clock.ts';
import type { Scorer } from '../core/scorer.ts';

/** Tells how long each batch took, in milliseconds, with all its retries. */
export function withBatchObserver(scorer: Scorer, clock: Clock, observe: (latencyMs: number) => void): Scorer {
  return {
    describe: (signal) => scorer.describe(signal),
    score: async (batch, signal) => {
      const start = clock.now();
      const scores = await scorer.score(batch, signal);
      observe(clock.now() - start);
      return scores;
    },
    close: () => scorer.close(),
    [Symbol.asyncDispose]: () => scorer.close(),
  };
}
