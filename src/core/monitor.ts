import type { RowBatch } from './row-batch.ts';
import type { Scores } from './scorer.ts';
import type { Statistics } from './statistics.ts';

/**
 * Looks at every batch once it is scored, in whatever process scores it. What it finds travels with the batch. Called between the
 * reply and the release of the batch: it keeps no view of either. Gives the same for the same batch and scores, so that a batch that
 * is scored again after a crash counts as it did.
 */
export interface Monitor {
  observe(batch: RowBatch, scores: Scores): Observation;
}

/** What becomes durable with a batch beside its rows. */
export interface Observation {
  readonly statistics?: Statistics | undefined;
  readonly associations?: Associations | undefined;
}

/** Predictions by association ID, for actuals that come later; the arrays have one entry per scored row that has an ID. */
export interface Associations {
  /** At most 128 characters each; longer ones are cut, as DataRobot does. */
  readonly ids: readonly string[];
  /** Index of each row in its batch. */
  readonly rows: readonly number[];
  /** The predicted value or label, as the server wrote it. */
  readonly predictions: readonly string[];
  /** Of two classes: whose probability `probabilities` are. Empty for labels of more classes, null for numbers. */
  readonly positiveClass: string | null;
  readonly probabilities: readonly number[];
}
