import { findSluiceError, SluiceError } from '../core/error.ts';
import { type ModelIdentity, modelText, sameModel } from '../core/model.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { Scorer, Scores } from '../core/scorer.ts';

/** So often a piece is asked for before another model is believed to have taken the place of the first. */
const PIECE_TRIES = 4;
/** So often a batch is begun anew before its server is given up: it has one model for one request and another for the next. */
const BATCH_TRIES = 20;

/**
 * For jobs that take whatever model there is: each batch is of one model all the same, however it is split. A piece that another
 * model answers than the first piece of its batch is asked for again; if the other one goes on answering, the whole batch is scored
 * anew. Throws MODEL_CHANGED for a server on which no batch comes through.
 * @param request scores one piece. @param split makes the scorer of batches from one of pieces; called for every batch.
 */
export function withOneModel(request: Scorer, split: (piece: Scorer) => Scorer): Scorer {
  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await split(ofOneModel(request)).score(batch, signal);
      } catch (error) {
        const mixed = findSluiceError(error)?.code === 'MODEL_CHANGED';
        if (!mixed || tries === BATCH_TRIES || signal.aborted) throw error;
      }
    }
  };
  return {
    describe: (signal) => request.describe(signal),
    score,
    close: () => request.close(),
    [Symbol.asyncDispose]: () => request.close(),
  };
}

/** Holds the pieces of one batch to the model of the first that was scored. */
function ofOneModel(request: Scorer): Scorer {
  let model: ModelIdentity | null = null;
  const score = async (piece: RowBatch, signal: AbortSignal): Promise<Scores> => {
    for (let tries = 1; ; tries += 1) {
      const scores = await request.score(piece, signal);
      if (scores.model === null) return scores;
      // Of rows that were all refused nothing is of any model.
      if (scores.failures.length === scores.rows) return { ...scores, model: null };
      model ??= scores.model;
      if (sameModel(model, scores.model)) return scores;
      if (tries < PIECE_TRIES) continue;
      throw new SluiceError(
        'MODEL_CHANGED',
        `The parts of one batch are scored by model ${modelText(model)} and by ${modelText(scores.model)}: the prediction server ` +
          'has one for one request and another for the next. Give it one model, or send its requests to one replica.',
      );
    }
  };
  return { ...request, score };
}
