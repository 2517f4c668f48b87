import { COMMA, encodeField, LF } from '../../core/canonical-csv.ts';
import { plainDecimal } from '../../core/decimal.ts';
import { floatText } from '../../core/float-text.ts';
import type { DeploymentDescription, RowFailure } from '../../core/scorer.ts';
import type { ReplyTable } from './csv-table.ts';
import { type PredictionPlan, type PredictionTableOptions, planPredictions } from './prediction-plan.ts';
import { replyMismatch } from './reply-mismatch.ts';
import type { RowOutcomes } from './row-outcomes.ts';

/** How far the probabilities of a row may be from adding up to 1: servers round them. */
const SUM_TOLERANCE = 0.01;

const encoder = new TextEncoder();

/**
 * Puts the predictions of servers that are not DataRobot's under DataRobot's names: `<target>_PREDICTION` for a number or a label,
 * `<target>_<class>_PREDICTION` for each class before it, and THRESHOLD and POSITIVE_CLASS behind it where there are two.
 * Two classes have the positive one first; more are sorted. The label is made of the probabilities.
 */
export class PredictionTable {
  readonly #options: PredictionTableOptions;
  #plan: PredictionPlan | null = null;
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

  #planFor({ width, names }: RowOutcomes, description: DeploymentDescription): PredictionPlan {
    const known = this.#planned;
    const same =
      known?.width === width &&
      (known.names === names || known.names?.join('\n') === names?.join('\n')) &&
      this.#plan !== null;
    if (same) return this.#plan!;
    this.#plan = planPredictions(this.#options, width, names, description);
    this.#planned = { width, names };
    return this.#plan;
  }

  #classTable(plan: PredictionPlan, outcomes: RowOutcomes): ReplyTable {
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

function numberTable(plan: PredictionPlan, { rows, source, bounds, failures: failed }: RowOutcomes): ReplyTable {
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

function labelTable(plan: PredictionPlan, { rows, failures }: RowOutcomes, labels: readonly string[]): ReplyTable {
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
