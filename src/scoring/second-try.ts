import { findSluiceError } from '../core/error.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { Scorer, Scores } from '../core/scorer.ts';

/** Asks once more when a reply did not match its rows; a second mismatch is thrown as it is, and ends the job. */
export function withSecondTry(scorer: Scorer): Scorer {
  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    try {
      return await scorer.score(batch, signal);
    } catch (error) {
      if (signal.aborted || findSluiceError(error)?.code !== 'REPLY_MISMATCH') throw error;
      return await scorer.score(batch, signal);
    }
  };
  return {
    describe: (signal) => scorer.describe(signal),
    score,
    close: () => scorer.close(),
    [Symbol.asyncDispose]: () => scorer.close(),
  };
}
