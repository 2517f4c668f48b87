import type { Explainer, ModelKind, Predictor } from './predictor.ts';
import { TreeShap } from './tree-shap.ts';
import { parseXgboostJson, type XgboostFile } from './xgboost-json.ts';

/** A gradient-boosted tree model in XGBoost's own JSON format. Predictions are equal to xgboost's to 1e-5, see test/golden. */
export class XgboostModel implements Predictor {
  readonly features: number;
  readonly outputs: number;
  readonly kinds: readonly ModelKind[];
  readonly explainer: Explainer;
  readonly #file: XgboostFile;

  constructor(text: string, file: string) {
    this.#file = parseXgboostJson(text, file);
    this.features = this.#file.trees.features;
    this.outputs = this.#file.trees.outputs;
    this.kinds = this.#file.objective.kinds;
    this.explainer = new TreeShap(this.#file.trees, this.#file.baseMargins);
  }

  async predict(matrix: Float32Array, rows: number): Promise<Float32Array> {
    const { trees, objective, baseMargins } = this.#file;
    const values = new Float32Array(rows * this.outputs);
    for (let i = 0; i < values.length; i += 1) values[i] = baseMargins[i % this.outputs]!;
    trees.addMargins(matrix, rows, values);
    objective.link(values, this.outputs);
    return values;
  }
}
