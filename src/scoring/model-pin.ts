import { SluiceError } from '../core/error.ts';
import { type ModelIdentity, modelText, sameModel } from '../core/model.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { Scorer, Scores } from '../core/scorer.ts';

/**
 * The model that all rows of a job are scored with; null until one is known. Shared with the wire, which asks for this
 * very model where the server can tell its models apart.
 */
export interface ModelPin {
  model: ModelIdentity | null;
}

/** What a reply of another model does: ends the job, pauses it until the pinned one is back, or is taken. */
export type OnModelChange = 'abort' | 'pause' | 'record';

export interface ModelPinOptions {
  readonly pin: ModelPin;
  readonly onChange: OnModelChange;
}

/**
 * Holds a job to one model: that of the pin, else the one of the description, else the first that answers. A reply of
 * another model is asked for once more (a server of several processes may be in the middle of a change), then it is
 * MODEL_CHANGED: whoever retries waits until the model is back, or ends the job. With `record` every reply passes, and the pin
 * is the first model. Replies that name no model pass.
 */
export function withModelPin(scorer: Scorer, { pin, onChange }: ModelPinOptions): Scorer {
  const differs = (scores: Scores): boolean => {
    if (scores.model === null) return false;
    pin.model ??= scores.model;
    if (!sameModel(pin.model, scores.model)) return onChange !== 'record';
    // A description may know the model and not its version.
    if (pin.model.version === undefined) pin.model = scores.model;
    return false;
  };
  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    const first = await scorer.score(batch, signal);
    if (!differs(first)) return first;
    const second = await scorer.score(batch, signal);
    if (!differs(second)) return second;
    throw new SluiceError(
      'MODEL_CHANGED',
      `Model ${modelText(second.model!)} answered, but this job is scored with ${modelText(pin.model!)}. ${REMEDIES[onChange]}`,
    );
  };
  return {
    describe: async (signal) => {
      const description = await scorer.describe(signal);
      pin.model ??= description.model ?? null;
      return description;
    },
    score,
    close: () => scorer.close(),
    [Symbol.asyncDispose]: () => scorer.close(),
  };
}

const REMEDIES: Readonly<Record<OnModelChange, string>> = {
  abort:
    'Restore that model and run again, go on with the new one by onModelChange: record, or start anew with --overwrite.',
  pause: 'It waits until that model answers again.',
  record: '',
};
