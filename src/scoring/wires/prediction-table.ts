import { COMMA, encodeField, LF } from '../../core/canonical-csv.ts';
import { plainDecimal } from '../../core/decimal.ts';
import { SluiceError } from '../../core/error.ts';
import { floatText } from '../../core/float-text.ts';
import type { DeploymentDescription, RowFailure, ScoreColumn } from '../../core/scorer.ts';
import { nameList } from '../output/nearest-name.ts';
import type { ReplyTable } from './csv-table.ts';
import { replyMismatch } from './reply-mismatch.ts';
import type { RowOutcomes } from './row-outcomes.ts';

export interface PredictionTableOptions {
  /** For messages: which deployment of which server. */
  readonly target: string;
  /** The target's name in the output, unless the server says one. */
  readonly targetName: string | null;
  /** The name where nobody says one. */
  readonly fallbackName: string;
  /** Class labels in the order of the server's probabilities, for servers that do not name them. */
  readonly classes: readonly string[] | null;
  readonly positiveClass: string | null;
}

/** Above it the positive class of two is predicted, where the server says no other; the output may put its own in place of it. */
const THRESHOLD = 0.5;
/** How far the probabilities of a row may be from adding up to 1: servers round them. */
const SUM_TOLERANCE = 0.01;

const encoder = new TextEncoder();

/** What the columns of a job are, settled by the first reply. */
interface Plan {
  readonly columns: readonly ScoreColumn[];
  /** For each column of probabilities, which number of a row it is; -1 is what is missing to 1. Empty for no classes. */
  readonly order: readonly number[];
  /** The label of each of them, as a canonical field. */
  readonly labels: readonly Uint8Array[];
  /** What stands behind the label of every row. */
  readonly tail: Uint8Array;
  readonly binary: boolean;
  readonly threshold: number;
}

/**
 * Puts the predictions of servers that are not DataRobot's under DataRobot's names: `<target>_PREDICTION` for a number or a label,
 * `<target>_<class>_PREDICTION` for each class before it, and THRESHOLD and POSITIVE_CLASS behind it where there are two.
 * Two classes have the positive one first; more are sorted. The label is made of the probabilities.
 */
export class PredictionTable {
  readonly #options: PredictionTableOptions;
  #plan: Plan | null = null;
  #planned: { readonly names: readonly string[] | null; readonly width: number } | null = null;

  constructor(options: PredictionTableOptions) {
    this.#options = options;
  }

  /** @throws REPLY_MISMATCH for numbers that are no probabilities, CONFIG_INVALID where classes have no names. */
  read(outcomes: RowOutcomes, description: DeploymentDescription): ReplyTable {
    const { width, labels, failures, rows } = outcomes;
    if (failures.length === rows || (width === 0 && labels === null)) {
      return { columns: [], bytes: new Uint8Array(0), ends: new Uint32Array(0), failures };
    }
    const plan = this.#planFor(outcomes, description);
    if (labels !== null) return labelTable(plan, outcomes, labels);
    return plan.order.length === 0 ? numberTable(plan, outcomes) : this.#classTable(plan, outcomes);
  }

  #planFor({ width, names }: RowOutcomes, description: DeploymentDescription): Plan {
    const known = this.#planned;
    const same =
      known?.width === width &&
      (known.names === names || known.names?.join('\n') === names?.join('\n')) &&
      this.#plan !== null;
    if (same) return this.#plan!;
    this.#plan = this.#newPlan(width, names, description);
    this.#planned = { width, names };
    return this.#plan;
  }

  #newPlan(width: number, names: readonly string[] | null, description: DeploymentDescription): Plan {
    const { targetName, fallbackName, target } = this.#options;
    const name = targetName ?? description.target ?? fallbackName;
    const label = `${name}_PREDICTION`;
    const threshold = description.threshold ?? THRESHOLD;
    const none = { order: [], labels: [], tail: new Uint8Array(0), binary: false, threshold };
    if (width === 0) return { ...none, columns: [{ name: label, role: { kind: 'label' } }] };
    const given = this.#options.classes ?? description.classes ?? null;
    const isShare = width === 1 && given?.length === 2;
    if (width === 1 && !isShare) {
      const anomaly = description.kind === 'anomaly';
      return { ...none, columns: [{ name: anomaly ? 'ANOMALY_SCORE' : label, role: { kind: 'prediction' } }] };
    }
    const classes = this.#classes(width, isShare ? null : names, given);
    const positive = this.#positive(classes, description);
    const order = isShare
      ? [0, -1]
      : classes.length === 2
        ? [positive, 1 - positive]
        : [...classes.keys()].toSorted((a, b) => (classes[a]! < classes[b]! ? -1 : 1));
    const ordered = isShare ? [classes[positive]!, classes[1 - positive]!] : order.map((at) => classes[at]!);
    const binary = ordered.length === 2;
    if (new Set(ordered).size !== ordered.length)
      throw replyMismatch(target, `names a class twice: ${nameList(ordered)}`);
    return {
      columns: [
        ...ordered.map(
          (one): ScoreColumn => ({ name: `${name}_${one}_PREDICTION`, role: { kind: 'probability', label: one } }),
        ),
        { name: label, role: { kind: 'prediction' } },
        ...(binary ? ([{ name: 'THRESHOLD', role: { kind: 'threshold' } }] as const) : []),
        ...(binary ? ([{ name: 'POSITIVE_CLASS', role: { kind: 'positiveClass' } }] as const) : []),
      ],
      order,
      labels: ordered.map((one) => encoder.encode(encodeField(one))),
      tail: encoder.encode(binary ? `,${threshold},${encodeField(ordered[0]!)}\n` : '\n'),
      binary,
      threshold,
    };
  }

  /** The classes in the order of the numbers of a row. */
  #classes(width: number, names: readonly string[] | null, given: readonly string[] | null): readonly string[] {
    const { target } = this.#options;
    const own = this.#options.classes;
    if (names !== null) {
      if (own !== null && own.toSorted().join('\n') !== names.toSorted().join('\n'))
        throw new SluiceError(
          'CONFIG_INVALID',
          `The replies of ${target} have the classes ${nameList(names)}, but deployment.classes names ${nameList(own)}.`,
        );
      return names;
    }
    if (given === null)
      throw new SluiceError(
        'CONFIG_INVALID',
        `The replies of ${target} have ${width} numbers for each row and do not say of which classes they are the ` +
          'probabilities. Name the classes in this order in deployment.classes.',
      );
    if (width !== 1 && given.length !== width)
      throw new SluiceError(
        'CONFIG_INVALID',
        `The replies of ${target} have ${width} numbers for each row, but there are ${given.length} classes: ` +
          `${nameList(given)}. Correct deployment.classes.`,
      );
    return given;
  }

  /** Which of two classes is the positive one. Of two that nobody says more of, the second, as scikit-learn sorts them. */
  #positive(classes: readonly string[], description: DeploymentDescription): number {
    if (classes.length !== 2) return -1;
    const said = this.#options.positiveClass ?? (description.kind === 'binary' ? description.classes?.[0] : undefined);
    if (said === undefined) return 1;
    const at = classes.indexOf(said);
    if (at !== -1) return at;
    throw new SluiceError(
      'CONFIG_INVALID',
      `The positive class of ${this.#options.target} is said to be "${said}", but the classes are ${nameList(classes)}. ` +
        'Correct deployment.positiveClass.',
    );
  }

  #classTable(plan: Plan, outcomes: RowOutcomes): ReplyTable {
    const { rows, width, source, bounds, float32 } = outcomes;
    const { order, labels, tail, binary, threshold } = plan;
    const values = new Float64Array(order.length);
    const longest = labels.reduce((most, { length }) => Math.max(most, length), 0);
    const room = textRoom(bounds) + rows * (2 * order.length + longest + tail.length + 32);
    const bytes = Buffer.allocUnsafe(room);
    const ends = new Uint32Array(rows);
    const failures = new FailureList(outcomes.failures);
    let out = 0;
    for (let row = 0; row < rows; row += 1) {
      if (failures.has(row)) {
        out = blank(bytes, out, plan.columns.length);
        ends[row] = out;
        continue;
      }
      let sum = 0;
      let best = 0;
      for (let cell = 0; cell < order.length; cell += 1) {
        const number = order[cell]!;
        if (number === -1) {
          const rest = float32 ? Math.fround(1 - values[0]!) : 1 - values[0]!;
          out += bytes.write(float32 ? floatText(rest) : String(rest), out, 'latin1');
          values[cell] = rest;
        } else {
          const at = 2 * (row * width + number);
          const [from, to] = [bounds[at]!, bounds[at + 1]!];
          values[cell] =
            plainDecimal(source, from, to) ??
            Number(Buffer.from(source.buffer, source.byteOffset + from, to - from).toString('latin1'));
          for (let i = from; i < to; i += 1, out += 1) bytes[out] = source[i]!;
        }
        bytes[out] = COMMA;
        out += 1;
        sum += values[cell]!;
        if (values[cell]! > values[best]!) best = cell;
      }
      const unsound = unsoundness(values, sum);
      if (unsound !== null) throw replyMismatch(this.#options.target, `has numbers in row ${row} that ${unsound}`);
      const label = labels[binary ? (values[0]! > threshold ? 0 : 1) : best]!;
      bytes.set(label, out);
      bytes.set(tail, out + label.length);
      out += label.length + tail.length;
      ends[row] = out;
    }
    return { columns: plan.columns, bytes: bytes.subarray(0, out), ends, failures: outcomes.failures };
  }
}

/** Why numbers are not the probabilities of one row; null when they are. */
function unsoundness(values: Float64Array, sum: number): string | null {
  for (const value of values)
    if (value < -SUM_TOLERANCE || value > 1 + SUM_TOLERANCE) return `are no probabilities: ${value}`;
  return Math.abs(sum - 1) <= SUM_TOLERANCE ? null : `are no probabilities of classes, as they add up to ${sum}`;
}

function numberTable(plan: Plan, { rows, source, bounds, failures: failed }: RowOutcomes): ReplyTable {
  const bytes = Buffer.allocUnsafe(textRoom(bounds) + 3 * rows);
  const ends = new Uint32Array(rows);
  const failures = new FailureList(failed);
  let out = 0;
  for (let row = 0; row < rows; row += 1) {
    if (failures.has(row)) {
      out = blank(bytes, out, 1);
    } else {
      for (let i = bounds[2 * row]!; i < bounds[2 * row + 1]!; i += 1, out += 1) bytes[out] = source[i]!;
      bytes[out] = LF;
      out += 1;
    }
    ends[row] = out;
  }
  return { columns: plan.columns, bytes: bytes.subarray(0, out), ends, failures: failed };
}

function labelTable(plan: Plan, { rows, failures }: RowOutcomes, labels: readonly string[]): ReplyTable {
  const pieces: Uint8Array[] = [];
  const ends = new Uint32Array(rows);
  let length = 0;
  for (let row = 0; row < rows; row += 1) {
    const piece = encoder.encode(`${encodeField(labels[row] ?? '')}\n`);
    pieces.push(piece);
    length += piece.length;
    ends[row] = length;
  }
  return { columns: plan.columns, bytes: Buffer.concat(pieces, length), ends, failures };
}

/** Tells for rows that are asked for in order whether they failed. */
class FailureList {
  readonly #failures: readonly RowFailure[];
  #next = 0;

  constructor(failures: readonly RowFailure[]) {
    this.#failures = failures;
  }

  has(row: number): boolean {
    if (this.#failures[this.#next]?.row !== row) return false;
    this.#next += 1;
    return true;
  }
}

/** A record without content. @returns the offset past it. */
function blank(bytes: Uint8Array, at: number, cells: number): number {
  bytes.set(encoder.encode(cells === 1 ? '""\n' : `${','.repeat(cells - 1)}\n`), at);
  return at + (cells === 1 ? 3 : cells);
}

/** Bytes of all numbers. */
function textRoom(bounds: Uint32Array): number {
  let room = 0;
  for (let at = 0; at < bounds.length; at += 2) room += bounds[at + 1]! - bounds[at]!;
  return room;
}
