/**
 * A loaded model, whatever made it. Features come as a matrix of rows by features in float32, row after row, with NaN for a
 * missing value and the code (index in the deployment's list) for a category.
 */
export interface Predictor {
  /** Columns of the matrix. */
  readonly features: number;
  /** Numbers per row: 1 for a regression and for a binary model (the positive class), one per class for a multiclass model. */
  readonly outputs: number;
  /** What the model can be deployed as. */
  readonly kinds: readonly ModelKind[];
  /** Predictions in float32: rows by outputs, on the scale of the target, or probabilities. */
  predict(matrix: Float32Array, rows: number): Promise<Float32Array>;
  /** Present where the model can be explained. */
  readonly explainer?: Explainer;
}

export type ModelKind = 'regression' | 'binary' | 'multiclass';

/** Additive explanations: for each output, the contributions of all features and the base value sum to the margin. */
export interface Explainer {
  /**
   * Writes the contributions of the features for row `row` into `out`: outputs by (features + 1), the base value last in
   * each. On the scale of the margin, before the link: minutes for a regression of minutes, log-odds for a binary model.
   */
  explain(matrix: Float32Array, row: number, out: Float64Array): void;
}
