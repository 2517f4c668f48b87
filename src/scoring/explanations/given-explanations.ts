import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { Scorer, Scores } from '../../core/scorer.ts';

/**
 * Refuses replies without any explanation columns, where a job asks its server for explanations: one that does not know the parameter
 * answers as if nothing had been asked. Fewer columns than asked for are the server's to decide (a model may have fewer features), and what
 * is more than asked for, or of rows between the thresholds, the output leaves out.
 */
export function withGivenExplanations(scorer: Scorer, maxExplanations: number): Scorer {
  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    const scores = await scorer.score(batch, signal);
    const { columns } = scores;
    if (columns.length === 0 || columns.some(({ role }) => role.kind === 'explanation')) return scores;
    throw new SluiceError(
      'REPLY_MISMATCH',
      `The job asks for ${maxExplanations} explanations, but the replies have no column of them (their columns: ` +
        `${columns.map(({ name }) => name).join(', ')}). For a server without explanations of its own set explanationAlgorithm: occlusion, ` +
        'or maxExplanations: 0.',
    );
  };
  return {
    describe: (signal) => scorer.describe(signal),
    score,
    close: () => scorer.close(),
    [Symbol.asyncDispose]: () => scorer.close(),
  };
}
