import { encodeField } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { DeploymentDescription, RowFailure, ScoreColumn } from '../../core/scorer.ts';
import type { ReplyTable } from './csv-table.ts';
import { columnsOf, explanationNames } from './datarobot-columns.ts';
import { classValues, type JsonExplanation, type JsonRow, jsonRows, labelText } from './datarobot-json-row.ts';
import { numberingFault, replyMismatch } from './reply-mismatch.ts';
import { cutText } from './reply-text.ts';

/** Which columns the replies of a job have; settled by the first row that was scored, as later ones must agree. */
interface Plan {
  readonly columns: readonly ScoreColumn[];
  /** How the server writes the classes, in the order of the columns; empty for regression. */
  readonly labels: readonly string[];
  /** The name in the output of each class that the server writes otherwise. */
  readonly names: ReadonlyMap<string, string>;
  readonly binary: boolean;
  /** How many explanations the columns have room for. */
  readonly explanations: number;
  readonly shap: boolean;
  readonly outlier: boolean;
  readonly approval: boolean;
}

export interface JsonTableOptions {
  /** For messages: which deployment of which server. */
  readonly target: string;
  /** The target's name, if the job says it. */
  readonly targetName?: string;
  readonly maxExplanations: number;
  /** Whether rows are explained whatever their prediction is: then every one has the key of explanations. */
  readonly explainsAll?: boolean;
  /** Whether SHAP values are asked for by name: then their columns are there whatever the first rows have. */
  readonly asksShap?: boolean;
}

/** Reads JSON replies into the columns that a CSV reply would have. */
export class JsonTableReader {
  readonly #options: JsonTableOptions;
  #plan: Plan | null = null;

  constructor(options: JsonTableOptions) {
    this.#options = options;
  }

  read(body: Uint8Array, rows: number, description: DeploymentDescription): ReplyTable {
    const data = this.#parse(body, rows);
    const failures: RowFailure[] = [];
    const lines: string[] = [];
    for (let row = 0; row < rows; row += 1) {
      const item = data[row]!;
      const reason = failureOf(item);
      let line: string | null = null;
      if (reason === null) {
        this.#plan ??= this.#planFor(item, data.some(hasShap), description);
        line = this.#line(item, this.#plan, row);
      } else {
        failures.push({ row, reason, attempts: 1 });
      }
      // Failed rows that come before the plan are written below, when it is known how many cells they have.
      lines.push(line ?? (this.#plan === null ? '' : blank(this.#plan)));
    }
    const plan = this.#plan;
    if (plan === null) return { columns: [], bytes: new Uint8Array(0), ends: new Uint32Array(0), failures };
    for (let row = 0; row < rows && lines[row] === ''; row += 1) lines[row] = blank(plan);
    return { columns: plan.columns, ...encode(lines), failures };
  }

  #parse(body: Uint8Array, rows: number): readonly JsonRow[] {
    const { target } = this.#options;
    let data: readonly JsonRow[] | null;
    try {
      data = jsonRows(body);
    } catch (error) {
      throw replyMismatch(target, 'is not JSON, or breaks off', error);
    }
    if (data === null) throw replyMismatch(target, 'has no "data" list of rows');
    if (data.length !== rows || data.some((item, row) => item.rowId !== row)) {
      const numbers = data.map((item) => (typeof item.rowId === 'number' ? item.rowId : Number.NaN));
      throw replyMismatch(target, numberingFault(numbers, rows));
    }
    return data;
  }

  /** @param shap whether any row of the reply has the values of SHAP: one between the thresholds has none. */
  #planFor(row: JsonRow, shap: boolean, description: DeploymentDescription): Plan {
    const { maxExplanations, explainsAll, asksShap } = this.#options;
    const sent = classValues(row).map((value) => labelText(value.label));
    const numeric = sent.length < 2 && typeof row.prediction === 'number';
    const kind = description.kind ?? (numeric ? 'regression' : undefined);
    const target = this.#options.targetName ?? description.target ?? (kind === 'regression' ? sent[0] : undefined);
    if (target === undefined) {
      throw new SluiceError(
        'CONFIG_INVALID',
        `The JSON replies of ${this.#options.target} do not name the target column. ` +
          'Set deployment.target, or deployment.reply: csv.',
      );
    }
    const binary = kind === 'binary' || (kind === undefined && typeof row.predictionThreshold === 'number');
    const single = kind === 'regression' || kind === 'anomaly';
    const names = binary ? binaryNames(sent, description.classes) : new Map<string, string>();
    const labels = single ? [] : binary ? positiveFirst(sent, names, description.classes) : sent.toSorted(byCodePoint);
    // A server that does not know the parameter leaves the key out of every row.
    const explanations = explainsAll === true && row.predictionExplanations === undefined ? 0 : maxExplanations;
    const flags = {
      shap: shap || (asksShap === true && explanations > 0),
      outlier: row.isOutlierPrediction !== undefined,
      approval: row.deploymentApprovalStatus !== undefined,
    };
    const columns = columnsOf([
      ...labels.map((label) => `${target}_${names.get(label) ?? label}_PREDICTION`),
      kind === 'anomaly' ? 'ANOMALY_SCORE' : `${target}_PREDICTION`,
      ...(binary ? ['THRESHOLD', 'POSITIVE_CLASS'] : []),
      ...explanationNames(explanations),
      ...(flags.shap ? ['SHAP_REMAINING_TOTAL', 'SHAP_BASE_VALUE'] : []),
      ...(flags.outlier ? ['IS_OUTLIER_PREDICTION'] : []),
      ...(flags.approval ? ['DEPLOYMENT_APPROVAL_STATUS'] : []),
    ]);
    return { columns, labels, names, binary, explanations, ...flags };
  }

  /** One canonical record, with its LF. */
  #line(item: JsonRow, plan: Plan, row: number): string {
    const { labels, names } = plan;
    let line = '';
    if (labels.length > 0) {
      const values = classValues(item);
      for (const [at, label] of labels.entries()) {
        // Servers give the classes in one order for all rows; look only when they do not.
        const known = values[at];
        const value = labelText(known?.label) === label ? known : values.find((v) => labelText(v.label) === label);
        if (value === undefined || values.length !== labels.length) {
          throw replyMismatch(this.#options.target, `has other classes in row ${row} than in the rows before`);
        }
        line += `${cell(value.value)},`;
      }
      const label = labelText(item.prediction);
      line += encodeField(names.get(label) ?? label);
    } else {
      line += cell(item.prediction);
    }
    if (plan.binary) line += `,${cell(item.predictionThreshold)},${encodeField(names.get(labels[0]!) ?? labels[0]!)}`;
    line += explanationCells(item, plan.explanations);
    if (!plan.shap && hasShap(item)) throw this.#lateShap();
    if (plan.shap) {
      const shap = (item.shapExplanationsMetadata ?? {}) as { baseValue?: unknown; remainingTotal?: unknown };
      line += `,${cell(shap.remainingTotal)},${cell(shap.baseValue)}`;
    }
    if (plan.outlier) line += `,${cell(item.isOutlierPrediction)}`;
    if (plan.approval) line += `,${cell(item.deploymentApprovalStatus)}`;
    return `${line}\n`;
  }

  #lateShap(): SluiceError {
    return new SluiceError(
      'CONFIG_INVALID',
      `The JSON replies of ${this.#options.target} have SHAP values, but none of the first rows had any, as none was explained. ` +
        'Set explanationAlgorithm: shap, so that the columns are known before, or deployment.reply: csv; then start anew with --overwrite.',
    );
  }
}

function hasShap({ shapExplanationsMetadata: values }: JsonRow): boolean {
  return values !== undefined && values !== null;
}

/** Why a row was not scored; null for a row that was. */
function failureOf(item: JsonRow): string | null {
  const status = item.predictionStatus;
  if (typeof status === 'string' && status !== 'OK') return cutText(status) || 'the server gives the row no status';
  if (item.prediction === null || item.prediction === undefined || item.prediction === '') {
    return 'the prediction is blank';
  }
  for (const { value } of classValues(item)) {
    if (typeof value !== 'number') return 'a prediction value is blank or not a number';
  }
  if (classValues(item).length < 2 && typeof item.prediction !== 'number') {
    return `the prediction is ${cutText(JSON.stringify(item.prediction))}, not a number`;
  }
  return null;
}

/** DataRobot writes the classes of a binary deployment as 1 and 0; the output has their names. */
function binaryNames(sent: readonly string[], classes: readonly string[] | undefined): ReadonlyMap<string, string> {
  const coded = sent.every((label) => /^[01](\.0)?$/.test(label));
  // A server that sends the real labels may have 1 and 0 for its labels, with 0 the positive one.
  if (!coded || classes?.length !== 2 || sent.some((label) => classes.includes(label))) return new Map();
  return new Map(sent.map((label) => [label, Number(label) === 1 ? classes[0]! : classes[1]!]));
}

/** The positive class is the one that the description says, else 1, else the first that the server names. */
function positiveFirst(
  sent: readonly string[],
  names: ReadonlyMap<string, string>,
  classes: readonly string[] | undefined,
): readonly string[] {
  const positive =
    sent.find((label) => (names.get(label) ?? label) === classes?.[0]) ?? sent.find((label) => Number(label) === 1);
  return positive === undefined ? sent : [positive, ...sent.filter((label) => label !== positive)];
}

function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function explanationCells(item: JsonRow, n: number): string {
  const given: readonly JsonExplanation[] = Array.isArray(item.predictionExplanations)
    ? item.predictionExplanations
    : [];
  let line = '';
  for (let i = 0; i < n; i += 1) {
    const one = given[i];
    line +=
      one === undefined
        ? ',,,,'
        : `,${cell(one.feature)},${cell(one.strength)},${cell(one.featureValue)},${cell(one.qualitativeStrength)}`;
  }
  return line;
}

/** A JSON value as a canonical cell; booleans as DataRobot writes them. */
function cell(value: unknown): string {
  if (typeof value === 'number') return `${value}`;
  if (value === null || value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return encodeField(typeof value === 'string' ? value : JSON.stringify(value));
}

function blank(plan: Plan): string {
  return plan.columns.length === 1 ? '""\n' : `${','.repeat(plan.columns.length - 1)}\n`;
}

function encode(lines: readonly string[]): { readonly bytes: Uint8Array; readonly ends: Uint32Array } {
  const bytes = Buffer.from(lines.join(''));
  const ends = new Uint32Array(lines.length);
  let characters = 0;
  for (const [row, line] of lines.entries()) {
    characters += line.length;
    ends[row] = characters;
  }
  if (characters === bytes.length) return { bytes, ends };
  // Some text is not ASCII: bytes are not characters.
  let length = 0;
  for (const [row, line] of lines.entries()) {
    length += Buffer.byteLength(line);
    ends[row] = length;
  }
  return { bytes, ends };
}
