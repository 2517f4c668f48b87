import { floatText, rounded } from '../core/float-text.ts';
import type { Json } from '../core/json.ts';
import type { Explanation } from './explanation.ts';
import { numberOfText } from './number-cell.ts';
import { isOutlier } from './outlier.ts';
import { type Prediction, predictedClass } from './prediction.ts';

type JsonObject = Record<string, Json>;

/**
 * A reply as JSON: `{"data": [...]}` with one object per row, in the order of the request. A failed row has its rowId,
 * a predictionStatus with the reason, and no prediction.
 * @param passthrough indexes of the request's columns.
 */
export function jsonReply(prediction: Prediction, passthrough: readonly number[]): Buffer {
  const { rows, failures } = prediction;
  const texts: string[] = [];
  for (let row = 0; row < rows.count; row += 1) {
    const failure = failures.get(row);
    const fields = failure === undefined ? scoredRow(prediction, row) : { rowId: row, predictionStatus: failure };
    if (passthrough.length > 0) {
      fields['passthroughValues'] = Object.fromEntries(
        passthrough.map((column) => [rows.columns[column]!, rows.json(row, column)]),
      );
    }
    texts.push(JSON.stringify(fields));
  }
  return Buffer.from(`{"data":[${texts.join(',')}]}`);
}

function scoredRow(prediction: Prediction, row: number): JsonObject {
  const { deployment, query, values, outputs, explanations, threshold } = prediction;
  const { target, kind, classes, predictionBoundaries } = deployment.file;
  const fields: JsonObject = { rowId: row };
  let label = target;
  if (kind === 'regression') {
    const value = float(values[row]!);
    fields['prediction'] = value;
    fields['predictionValues'] = [{ label, value }];
  } else {
    label = classes[predictedClass(prediction, row)]!;
    fields['prediction'] = label;
    if (kind === 'binary') {
      const shares = [values[row]!, Math.fround(1 - values[row]!)];
      fields['predictionValues'] = classes.map((name, i) => ({ label: name, value: float(shares[i]!) }));
      fields['predictionThreshold'] = threshold;
      // Strengths are log-odds of the positive class, whatever was predicted.
      label = classes[0]!;
    } else {
      const order = deployment.outputOrder;
      fields['predictionValues'] = order.map((i) => ({ label: classes[i]!, value: float(values[row * outputs + i]!) }));
    }
  }
  if (explanations !== null)
    Object.assign(fields, explanationFields(prediction, row, label, explanations[row] ?? null));
  if (query.predictionWarnings && predictionBoundaries !== undefined) {
    fields['isOutlierPrediction'] = isOutlier(values[row]!, predictionBoundaries);
  }
  return fields;
}

function explanationFields(
  prediction: Prediction,
  row: number,
  label: string,
  explanation: Explanation | null,
): JsonObject {
  if (explanation === null) return { predictionExplanations: [] };
  const { baseValue, remainingTotal } = explanation;
  return {
    predictionExplanations: explanation.contributions.map(({ column, strength, qualitative }) => ({
      label,
      feature: column,
      featureValue: featureValue(prediction, row, column),
      strength: rounded(strength),
      qualitativeStrength: qualitative,
    })),
    shapExplanationsMetadata: { baseValue: rounded(baseValue), remainingTotal: rounded(remainingTotal), warnings: [] },
  };
}

/** The value that was scored: a number where the column is one, else the text; null where it was missing. */
function featureValue({ rows, deployment }: Prediction, row: number, column: string): Json {
  const text = rows.text(row, rows.columns.indexOf(column));
  const type = deployment.encoders.find((encoder) => encoder.column === column)?.type;
  if (type !== 'number' || text === null) return text;
  const number = numberOfText(text);
  return Number.isNaN(number) ? null : number;
}

function float(value: number): number {
  return Number(floatText(value));
}
