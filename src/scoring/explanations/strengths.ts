import type { Walk } from './walks.ts';

/**
 * For each walk, and each of its steps, which copy stands there: an index of the copies of the row; ROW_ITSELF where nothing has changed
 * yet. The steps of a walk and its reverse follow each other, one pair for each baseline row.
 */
export type Steps = Int32Array;

export const ROW_ITSELF = -1;

/** So far below the predictions, a strength is what floating point leaves over of nothing. */
const NOISE = 2 ** -40;
/** More than a mean over samples is exact to. */
const DIGITS = 9;

/**
 * What each feature adds to the prediction of a row, against the baseline rows: Shapley values sampled by antithetic pairs of permutations
 * (R. Mitchell, J. Cooper, E. Frank, G. Holmes, "Sampling Permutations for Shapley Value Estimation", JMLR 23, 2022). Along a walk the
 * features of the row are replaced one after the other, and each is credited with the change of the prediction when it goes. The
 * strengths add up to the prediction less the mean prediction of the baseline rows; a model that is a sum has its very terms.
 *
 * A walk with a copy that has no prediction tells nothing and does not count. Null when none counts.
 * @param values predictions of the copies; NaN where there is none.
 * @returns one strength per feature, to nine digits.
 */
export function strengthsOf(
  prediction: number,
  values: readonly number[],
  steps: Steps,
  walks: readonly Walk[],
): readonly number[] | null {
  const features = walks[0]?.length ?? 0;
  const sums = new Float64Array(features);
  const at = (step: number): number => (steps[step] === ROW_ITSELF ? prediction : values[steps[step]!]!);
  let complete = 0;
  let largest = Math.abs(prediction);
  for (const [pair, walk] of walks.entries()) {
    for (const isReverse of [false, true]) {
      const first = (2 * pair + (isReverse ? 1 : 0)) * features;
      if (!isComplete(first, features, at)) continue;
      complete += 1;
      let before = prediction;
      for (let step = 0; step < features; step += 1) {
        const value = at(first + step);
        const feature = walk[isReverse ? features - 1 - step : step]!;
        sums[feature]! += before - value;
        largest = Math.max(largest, Math.abs(value));
        before = value;
      }
    }
  }
  if (complete === 0) return null;
  return Array.from(sums, (sum) => {
    const strength = sum / complete;
    return Math.abs(strength) <= largest * NOISE ? 0 : Number(strength.toPrecision(DIGITS));
  });
}

function isComplete(first: number, features: number, at: (step: number) => number): boolean {
  for (let step = 0; step < features; step += 1) if (!Number.isFinite(at(first + step))) return false;
  return true;
}
