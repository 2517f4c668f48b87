/** The settings of a job that shape its output columns; the names are DataRobot's (`associationId` is the deployment's). */
export interface OutputSettings {
  /** Intake columns that are copied behind the predictions, in this order. */
  readonly passthroughColumns: readonly string[];
  /** `all` copies every intake column in the intake's order; `passthroughColumns` is then not looked at. */
  readonly passthroughColumnsSet: 'all' | null;
  /** The association ID column of the deployment: always in the output, once. */
  readonly associationId: string | null;
  /**
   * New names by output column, applied last, all at once (two names may be swapped); null drops the column. If a
   * passthrough column has the name of a prediction column, the entry is for the passthrough column.
   */
  readonly columnNamesRemapping: ReadonlyMap<string, string | null>;
  /** False leaves out the class probabilities, THRESHOLD and POSITIVE_CLASS. */
  readonly includeProbabilities: boolean;
  /** Class labels whose probabilities are kept; empty keeps all. */
  readonly includeProbabilitiesClasses: readonly string[];
  readonly includePredictionStatus: boolean;
  /** Adds the model that scored the row, behind the status. */
  readonly includeModelVersion: boolean;
  /**
   * Two classes: the label and THRESHOLD are made anew from it, positive when the probability is greater. Null leaves
   * them as the server sent them. Does nothing for other targets.
   */
  readonly predictionThreshold: number | null;
  /** Ranks of explanations in the output, 4 columns each, whatever the server sends; missing ones are blank. */
  readonly maxExplanations: number;
  /**
   * Explained are rows at or above `thresholdHigh` and at or below `thresholdLow`; the explanation and SHAP cells of
   * others are blank. What is compared is the prediction, the probability of the positive class, or with more classes
   * the highest probability. Neither set explains all rows.
   */
  readonly thresholdHigh: number | null;
  readonly thresholdLow: number | null;
  /** Keeps IS_OUTLIER_PREDICTION where the server sends it. */
  readonly predictionWarningEnabled: boolean;
}

/** The defaults of the batch prediction API: predictions and probabilities only. */
export const defaultOutputSettings: OutputSettings = {
  passthroughColumns: [],
  passthroughColumnsSet: null,
  associationId: null,
  columnNamesRemapping: new Map(),
  includeProbabilities: true,
  includeProbabilitiesClasses: [],
  includePredictionStatus: false,
  includeModelVersion: false,
  predictionThreshold: null,
  maxExplanations: 0,
  thresholdHigh: null,
  thresholdLow: null,
  predictionWarningEnabled: false,
};
