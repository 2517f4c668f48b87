import { parseLenient } from './lenient-json.ts';

/** One row of a JSON reply of the DataRobot Prediction API, as far as Sluice reads it. Nothing in it is certain. */
export interface JsonRow {
  readonly rowId?: unknown;
  readonly prediction?: unknown;
  readonly predictionValues?: unknown;
  readonly predictionThreshold?: unknown;
  readonly predictionExplanations?: unknown;
  readonly shapExplanationsMetadata?: unknown;
  readonly isOutlierPrediction?: unknown;
  readonly deploymentApprovalStatus?: unknown;
  /** Of servers that answer 200 though some rows failed: `OK`, or why this row failed. */
  readonly predictionStatus?: unknown;
}

/** One entry of `predictionValues`. */
export interface JsonClassValue {
  readonly label?: unknown;
  readonly value?: unknown;
}

/** One entry of `predictionExplanations`. */
export interface JsonExplanation {
  readonly feature?: unknown;
  readonly strength?: unknown;
  readonly featureValue?: unknown;
  readonly qualitativeStrength?: unknown;
}

/**
 * The rows of a JSON reply. NaN and Infinity are read as null, they are the fault of their rows only.
 * Throws a SyntaxError for what is no JSON; null for JSON of another shape.
 */
export function jsonRows(body: Uint8Array): readonly JsonRow[] | null {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8');
  const reply = parseLenient(text);
  const data = typeof reply === 'object' && reply !== null ? (reply as { data?: unknown }).data : null;
  return Array.isArray(data) && data.every((row) => typeof row === 'object' && row !== null) ? data : null;
}

/** The class values of a row; none if it has none. */
export function classValues(row: JsonRow): readonly JsonClassValue[] {
  return Array.isArray(row.predictionValues) ? row.predictionValues : [];
}

/** Labels come as text, and as the numbers 1 and 0 of binary deployments. */
export function labelText(label: unknown): string {
  return typeof label === 'string' ? label : String(label);
}
