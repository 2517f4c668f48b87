import { setImmediate } from 'node:timers/promises';
import type { Deployment, LoadedModel } from './deployment.ts';
import { ColumnExplainer, type Explanation } from './explanation.ts';
import { type InputRows, invalidRequest } from './input-rows.ts';
import type { PredictionQuery } from './prediction-query.ts';

/** Rows that are scored, and rows that are explained, before other requests get a turn. */
const ROWS_PER_TURN = 4096;
const EXPLAINED_PER_TURN = 64;

/** The outcome of one request, before it is written as CSV or JSON. */
export interface Prediction {
  readonly deployment: Deployment;
  readonly query: PredictionQuery;
  readonly rows: InputRows;
  /** Rows by outputs, in float32; without meaning for failed rows. */
  readonly values: Float32Array;
  readonly outputs: number;
  /** Rows without a prediction, and why. */
  readonly failures: ReadonlyMap<number, string>;
  /** Per row its explanation, null where the thresholds leave it out; null as a whole when none were asked for. */
  readonly explanations: readonly (Explanation | null)[] | null;
  /** Above it a binary row is positive. */
  readonly threshold: number;
}

/** Scores and explains rows with one model, a turn at a time. Rejects with the signal's reason when it aborts. */
export async function predict(
  deployment: Deployment,
  model: LoadedModel,
  query: PredictionQuery,
  rows: InputRows,
  signal: AbortSignal,
): Promise<Prediction> {
  const { features, outputs } = model.predictor;
  const values = new Float32Array(rows.count * outputs);
  for (let from = 0; from < rows.count; from += ROWS_PER_TURN) {
    if (from > 0) await nextTurn(signal);
    const to = Math.min(rows.count, from + ROWS_PER_TURN);
    const block = rows.matrix.subarray(from * features, to * features);
    values.set(await model.predictor.predict(block, to - from), from * outputs);
  }
  const failures = new Map(rows.failures);
  for (let i = 0; i < values.length; i += 1) {
    const row = Math.floor(i / outputs);
    if (!Number.isFinite(values[i]) && !failures.has(row)) failures.set(row, 'The prediction is not a finite number.');
  }
  const threshold = query.predictionThreshold ?? deployment.file.threshold;
  const scored = { deployment, query, rows, values, outputs, failures, threshold };
  return { ...scored, explanations: await explain(scored, model, signal) };
}

/** The class of a row: an index into the deployment's classes. */
export function predictedClass(prediction: Omit<Prediction, 'explanations'>, row: number): number {
  const { values, outputs, deployment, threshold } = prediction;
  if (deployment.file.kind === 'binary') return values[row]! > threshold ? 0 : 1;
  let best = 0;
  for (let i = 1; i < outputs; i += 1) if (values[row * outputs + i]! > values[row * outputs + best]!) best = i;
  return best;
}

async function explain(
  scored: Omit<Prediction, 'explanations'>,
  { predictor }: LoadedModel,
  signal: AbortSignal,
): Promise<readonly (Explanation | null)[] | null> {
  const { deployment, query, rows, values, outputs, failures } = scored;
  if (query.maxExplanations === 0) return null;
  const { explainer } = predictor;
  if (explainer === undefined) throw invalidRequest('This model cannot be explained; leave maxExplanations away.');
  const columns = new ColumnExplainer(explainer, deployment.encoders, predictor.features, outputs);
  const explanations: (Explanation | null)[] = [];
  let turn = 0;
  for (let row = 0; row < rows.count; row += 1) {
    const output = deployment.file.kind === 'multiclass' ? predictedClass(scored, row) : 0;
    if (failures.has(row) || !isWanted(values[row * outputs + output]!, query)) {
      explanations.push(null);
      continue;
    }
    turn += 1;
    if (turn % EXPLAINED_PER_TURN === 0) await nextTurn(signal);
    explanations.push(columns.explain(rows.matrix, row, output, query.maxExplanations));
  }
  return explanations;
}

function isWanted(value: number, { thresholdHigh, thresholdLow }: PredictionQuery): boolean {
  if (thresholdHigh === undefined && thresholdLow === undefined) return true;
  return (
    (thresholdHigh !== undefined && value >= thresholdHigh) || (thresholdLow !== undefined && value <= thresholdLow)
  );
}

async function nextTurn(signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}
