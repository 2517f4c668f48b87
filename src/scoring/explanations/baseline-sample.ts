/**
 * The rows whose values take the place of a row's own, as `explanationAlgorithm: occlusion` asks for it. JSON, so that it can stand in
 * the description of a job that other processes work on too.
 */
export interface BaselineSample {
  readonly columns: readonly string[];
  /** Those of `columns` that rows are explained by, in the order of `columns`. */
  readonly features: readonly string[];
  /** As many fields as there are columns in each; null is a missing value. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** So many of `rows` are chosen, by what the model says of them (`chooseBaseline`). */
  readonly chosen: number;
}

/** Perturbed copies that one row costs, at the most: two walks from the row to each baseline row, which end in the same copy. */
export function copiesPerRow({ features, chosen }: BaselineSample): number {
  return chosen * copiesPerBaselineRow(features.length);
}

/** Those for one row of the sample. */
export function copiesPerBaselineRow(features: number): number {
  return 2 * features - 1;
}
