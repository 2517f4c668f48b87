import { qualitativeStrength } from '../core/qualitative-strength.ts';
import type { ColumnEncoder } from './column-encoder.ts';
import type { Explainer } from './predictor.ts';

/** What one column adds to the margin of one row's prediction, against the base value. */
interface Contribution {
  readonly column: string;
  /** On the scale of the margin: the target's for a regression, log-odds for classes. */
  readonly strength: number;
  /** `+++` to `---`; `<+` and `<-` are next to nothing. */
  readonly qualitative: string;
}

/** The explanation of one row: baseValue + all strengths + remainingTotal is the margin. */
export interface Explanation {
  /** Strongest first; columns without any effect are left out. */
  readonly contributions: readonly Contribution[];
  readonly baseValue: number;
  readonly remainingTotal: number;
}

/** Explains rows by the columns of the request: features that are made of one column are added up. */
export class ColumnExplainer {
  readonly #explainer: Explainer;
  readonly #columns: readonly ColumnEncoder[];
  readonly #features: number;
  readonly #out: Float64Array;

  constructor(explainer: Explainer, columns: readonly ColumnEncoder[], features: number, outputs: number) {
    this.#explainer = explainer;
    this.#columns = columns;
    this.#features = features;
    this.#out = new Float64Array(outputs * (features + 1));
  }

  /** @param output whose margin is explained. */
  explain(matrix: Float32Array, row: number, output: number, maximum: number): Explanation {
    this.#explainer.explain(matrix, row, this.#out);
    const at = output * (this.#features + 1);
    const strengths = this.#columns.map((column) =>
      column.features.reduce((sum, feature) => sum + this.#out[at + feature]!, 0),
    );
    const total = strengths.reduce((sum, strength) => sum + Math.abs(strength), 0);
    const ranked = this.#columns
      .map(({ column }, i) => {
        const strength = strengths[i]!;
        return { column, strength, qualitative: qualitativeStrength(strength, total, this.#columns.length) };
      })
      .filter(({ strength }) => strength !== 0)
      .toSorted((a, b) => Math.abs(b.strength) - Math.abs(a.strength));
    const remainingTotal = ranked.slice(maximum).reduce((sum, { strength }) => sum + strength, 0);
    return { contributions: ranked.slice(0, maximum), baseValue: this.#out[at + this.#features]!, remainingTotal };
  }
}
