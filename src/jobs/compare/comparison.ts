/** How the values of one prediction column moved, over the rows in which both outputs have a number. */
export interface ScoreShift {
  readonly column: string;
  /** Rows with a number on both sides; the figures are null when there is none. */
  readonly pairs: number;
  /** Mean of b - a. */
  readonly mean: number | null;
  /** Mean of |b - a|, its percentiles (within 0.5 % of the value) and its exact maximum. */
  readonly meanAbsolute: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
  /** Rows in which only one side has a value: usually a row that failed on the other. */
  readonly onlyInA: number;
  readonly onlyInB: number;
}

/** Rows whose label is another one. Null stands for a blank. */
export interface LabelFlips {
  readonly column: string;
  readonly rows: number;
  /** Of the rows compared, 0 to 1. */
  readonly share: number;
  /** The most frequent ones, at most ten, the most frequent first. */
  readonly top: readonly { readonly from: string | null; readonly to: string | null; readonly rows: number }[];
}

/** What two scored outputs have in common and what not. */
export interface Comparison {
  readonly a: string;
  readonly b: string;
  /** How rows were paired: by these columns, or by their place. */
  readonly key: readonly string[] | null;
  /** Two numbers this close are the same. */
  readonly tolerance: number;
  readonly rows: {
    readonly a: number;
    readonly b: number;
    /** In both. */
    readonly compared: number;
    readonly onlyInA: number;
    readonly onlyInB: number;
  };
  /** Rows of both outputs in which a compared column differs; the share is of the rows compared, 0 to 1. */
  readonly changed: { readonly rows: number; readonly share: number };
  /** Rows that changed or are in one output only; the share is of all rows, 0 to 1. What a check should look at. */
  readonly differing: { readonly rows: number; readonly share: number };
  /** The compared columns, in the order of a, and in how many rows each changed. */
  readonly columns: readonly { readonly name: string; readonly changed: number }[];
  readonly scores: readonly ScoreShift[];
  readonly labels: readonly LabelFlips[];
}
