import type { ModelIdentity } from './model.ts';
import type { RowBatch } from './row-batch.ts';

/**
 * What one column of a reply means. The names follow DataRobot's batch output (facts: output CSV columns):
 * `prediction` is the predicted value or label, `probability` that of class `label`, `explanation` belongs to the
 * `rank`-th strongest feature (from 1). `label` is a predicted label of a server that gives no probabilities.
 */
export type ColumnRole =
  | {
      readonly kind: 'prediction' | 'label' | 'threshold' | 'positiveClass' | 'outlier' | 'approval' | 'shap' | 'other';
    }
  | { readonly kind: 'probability'; readonly label: string }
  | {
      readonly kind: 'explanation';
      readonly rank: number;
      readonly part: 'name' | 'strength' | 'value' | 'qualitative';
    };

/** One column of a reply, under the name that it has in the output unless it is remapped. */
export interface ScoreColumn {
  readonly name: string;
  readonly role: ColumnRole;
}

/** Why one row of a batch was not scored. */
export interface RowFailure {
  /** Index within the batch, from 0. */
  readonly row: number;
  /** One line for people, as the server gave it, cut to 1,000 characters. */
  readonly reason: string;
  /** Requests that held this row, at least 1. */
  readonly attempts: number;
}

/**
 * The outcomes of one batch: one per row, same length, same order. Replies of every wire come in this one form: a
 * table of canonical CSV cells, so that text replies need no parsing. The record of a failed row is there, its cells
 * have no meaning.
 */
export interface Scores {
  readonly rows: number;
  /** Empty when no row of the batch was scored: then nobody knows what the server would have sent. */
  readonly columns: readonly ScoreColumn[];
  /** Canonical records, one per row, each with as many cells as `columns`. Empty when `columns` is. */
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  /** May be called, at most once, when nobody reads `bytes` and `ends` any more: their memory is used again. */
  readonly release?: () => void;
  /** Sorted by row, at most one per row. */
  readonly failures: readonly RowFailure[];
  /** The model that answered, where the server says so. */
  readonly model: ModelIdentity | null;
}

/** What is known of a deployment before the first row is scored; every field may be missing. */
export interface DeploymentDescription {
  readonly model?: ModelIdentity;
  readonly target?: string;
  readonly kind?: 'regression' | 'binary' | 'multiclass' | 'anomaly';
  /** Class labels; for binary the positive one first. */
  readonly classes?: readonly string[];
  /** Of two classes, the positive one is predicted above this probability. */
  readonly threshold?: number;
  /** The columns that the model needs, where the server says so. */
  readonly inputs?: readonly ModelInput[];
  /** What software answers, with its version. */
  readonly software?: string;
}

/** A column that a model needs. `text` takes anything; a date is written as one. */
export interface ModelInput {
  readonly column: string;
  readonly type: 'number' | 'text' | 'date';
}

/**
 * Scores micro-batches on a prediction server. Policies (retry, bisection, limits) are scorers around a scorer.
 *
 * `score` is called concurrently, at most as often at once as the job has partitions. It resolves with an outcome for
 * every row, or rejects with a SluiceError, whose `scope` says what the caller does: `row` and `batch` may be split,
 * `connection` may be tried again, `job` ends the job. When the signal aborts it rejects with its reason, soon, and the
 * batch counts as not scored. A scorer never guesses: a reply that does not match its rows is an error.
 */
export interface Scorer extends AsyncDisposable {
  /** Asks the server what it serves. Called once, before the first `score`. Servers that cannot say give `{}`. */
  describe(signal: AbortSignal): Promise<DeploymentDescription>;
  score(batch: RowBatch, signal: AbortSignal): Promise<Scores>;
  /** Closes connections; called once, after the last `score` has settled. */
  close(): Promise<void>;
}
