import { ByteWriter } from '../core/byte-writer.ts';
import { COMMA, encodeField, LF } from '../core/canonical-csv.ts';
import { floatText, rounded } from '../core/float-text.ts';
import type { Deployment } from './deployment.ts';
import type { Explanation } from './explanation.ts';
import { invalidRequest } from './input-rows.ts';
import { isOutlier } from './outlier.ts';
import { type Prediction, predictedClass } from './prediction.ts';
import type { PredictionQuery } from './prediction-query.ts';

/**
 * The columns of a CSV reply before the passthrough columns, in DataRobot's names and order; the status column,
 * which is there only when a row failed, included.
 */
function csvReplyColumns(deployment: Deployment, query: PredictionQuery): readonly string[] {
  const { target, kind, classes, predictionBoundaries } = deployment.file;
  const columns: string[] = [];
  if (kind === 'binary') columns.push(...classes.map((label) => `${target}_${label}_PREDICTION`));
  if (kind === 'multiclass') columns.push(...deployment.outputOrder.map((i) => `${target}_${classes[i]}_PREDICTION`));
  columns.push(`${target}_PREDICTION`);
  if (kind === 'binary') columns.push('THRESHOLD', 'POSITIVE_CLASS');
  for (let rank = 1; rank <= query.maxExplanations; rank += 1) {
    const parts = ['FEATURE_NAME', 'STRENGTH', 'ACTUAL_VALUE', 'QUALITATIVE_STRENGTH'];
    columns.push(...parts.map((part) => `EXPLANATION_${rank}_${part}`));
  }
  if (query.maxExplanations > 0) columns.push('SHAP_REMAINING_TOTAL', 'SHAP_BASE_VALUE');
  if (query.predictionWarnings && predictionBoundaries !== undefined) columns.push('IS_OUTLIER_PREDICTION');
  return [...columns, STATUS];
}

const STATUS = 'prediction_status';

/**
 * A reply as CSV: predictions, explanations and warnings, then the passthrough columns byte for byte as they came. When a
 * row failed there is a column `prediction_status`, so that no line is ever empty.
 * @param passthrough indexes of the request's columns.
 */
export function csvReply(prediction: Prediction, passthrough: readonly number[]): Buffer {
  const { deployment, query, rows, failures } = prediction;
  const withStatus = failures.size > 0;
  const columns = csvReplyColumns(deployment, query).slice(0, withStatus ? undefined : -1);
  const names = [...columns, ...passthrough.map((column) => rows.columns[column]!)];
  const out = new ByteWriter(rows.count * 16 * names.length);
  out.text(`${names.map((name) => encodeField(name)).join(',')}\n`);

  const rowText = scoredCells(prediction);
  const blank = ','.repeat(columns.length - 1);
  for (let row = 0; row < rows.count; row += 1) {
    const failure = failures.get(row);
    if (failure === undefined) {
      rowText(row, out);
      if (withStatus) out.ascii(',OK');
    } else {
      out.ascii(blank);
      out.text(encodeField(failure));
    }
    for (const column of passthrough) {
      out.byte(COMMA);
      rows.writeCsv(row, column, out);
    }
    out.byte(LF);
  }
  return out.written;
}

/** Refuses passthrough columns that would be in the reply twice. */
export function checkPassthrough(names: readonly string[], deployment: Deployment, query: PredictionQuery): void {
  const columns = new Set(csvReplyColumns(deployment, query));
  const taken = names.find((name) => columns.has(name));
  if (taken !== undefined)
    throw invalidRequest(`The passthrough column "${taken}" has the name of a column of the reply.`);
}

function scoredCells(prediction: Prediction): (row: number, out: ByteWriter) => void {
  const { deployment, query, values, outputs, explanations, threshold } = prediction;
  const { kind, classes } = deployment.file;
  const labels = classes.map((label) => encodeField(label));
  const binaryTail = `,${threshold},${labels[0]}`;
  const boundaries = query.predictionWarnings ? deployment.file.predictionBoundaries : undefined;
  return (row, out) => {
    if (kind === 'regression') {
      out.ascii(floatText(values[row]!));
    } else {
      if (kind === 'binary') {
        out.ascii(`${floatText(values[row]!)},${floatText(Math.fround(1 - values[row]!))},`);
      } else {
        for (const i of deployment.outputOrder) out.ascii(`${floatText(values[row * outputs + i]!)},`);
      }
      out.text(labels[predictedClass(prediction, row)]!);
      if (kind === 'binary') out.text(binaryTail);
    }
    if (explanations !== null) writeExplanation(prediction, row, explanations[row] ?? null, out);
    if (boundaries !== undefined) out.ascii(isOutlier(values[row]!, boundaries) ? ',True' : ',False');
  };
}

function writeExplanation(
  { query, rows }: Prediction,
  row: number,
  explanation: Explanation | null,
  out: ByteWriter,
): void {
  for (let rank = 0; rank < query.maxExplanations; rank += 1) {
    const item = explanation?.contributions[rank];
    if (item === undefined) {
      out.ascii(',,,,');
      continue;
    }
    out.text(`,${encodeField(item.column)},${rounded(item.strength)},`);
    rows.writeCsv(row, rows.columns.indexOf(item.column), out);
    out.ascii(`,${item.qualitative}`);
  }
  if (explanation === null) out.ascii(',,');
  else out.ascii(`,${rounded(explanation.remainingTotal)},${rounded(explanation.baseValue)}`);
}
