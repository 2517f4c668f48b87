import type { ModelKind } from './predictor.ts';

/** What XGBoost's objective says about a model: how margins become predictions, and what the model can stand for. */
export interface Objective {
  readonly kinds: readonly ModelKind[];
  /** Margins to predictions, in place: rows by outputs. */
  link(values: Float32Array, outputs: number): void;
  /** The margin of a base score, which XGBoost keeps on the scale of the predictions. */
  marginOf(baseScore: number): number;
}

function each(apply: (margin: number) => number): Objective['link'] {
  return (values) => {
    for (let i = 0; i < values.length; i += 1) values[i] = apply(values[i]!);
  };
}

function softmax(values: Float32Array, outputs: number): void {
  for (let row = 0; row < values.length; row += outputs) {
    let most = Number.NEGATIVE_INFINITY;
    for (let i = row; i < row + outputs; i += 1) most = Math.max(most, values[i]!);
    let sum = 0;
    for (let i = row; i < row + outputs; i += 1) sum += Math.exp(values[i]! - most);
    for (let i = row; i < row + outputs; i += 1) values[i] = Math.exp(values[i]! - most) / sum;
  }
}

const identity: Objective = { kinds: ['regression'], link: () => undefined, marginOf: (score) => score };
const exponential: Objective = { kinds: ['regression'], link: each(Math.exp), marginOf: Math.log };
const logistic: Objective = {
  kinds: ['binary', 'regression'],
  link: each((margin) => 1 / (1 + Math.exp(-margin))),
  marginOf: (score) => -Math.log(1 / score - 1),
};
const classes: Objective = { kinds: ['multiclass'], link: softmax, marginOf: (score) => score };

/** The supported objectives, under XGBoost's names. multi:softmax is served with the probabilities it is made of. */
export const objectives: ReadonlyMap<string, Objective> = new Map([
  ['reg:squarederror', identity],
  ['reg:absoluteerror', identity],
  ['reg:pseudohubererror', identity],
  ['reg:squaredlogerror', identity],
  ['reg:quantileerror', identity],
  ['reg:gamma', exponential],
  ['reg:tweedie', exponential],
  ['count:poisson', exponential],
  ['reg:logistic', logistic],
  ['binary:logistic', logistic],
  ['multi:softprob', classes],
  ['multi:softmax', classes],
]);
