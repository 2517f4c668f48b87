import { COMMA, encodeField, fieldBounds, LF } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { BaselineSample } from './baseline-sample.ts';
import { ROW_ITSELF, type Steps } from './strengths.ts';
import { type Walk, walksOf } from './walks.ts';

const encoder = new TextEncoder();

/** One feature of the rows of a schema. */
export interface PerturbedFeature {
  readonly name: string;
  /** Index of its column. */
  readonly column: number;
}

/** A copy of a row: the fields that it takes from a baseline row, as marks by feature. */
interface Copy {
  readonly baselineRow: number;
  readonly replaced: Uint8Array;
}

/** How rows of one schema are perturbed. */
export class Perturbation {
  readonly schema: Schema;
  /** By name, so that the order of the columns makes no difference. */
  readonly features: readonly PerturbedFeature[];
  readonly walks: readonly Walk[];
  /** By baseline row and feature: canonical fields. */
  readonly #fields: readonly (readonly Uint8Array[])[];
  /** By column: its feature, or -1. */
  readonly #featureAt: Int32Array;

  /**
   * @param chosen rows of the sample, by index.
   * Throws COLUMN_UNKNOWN when the rows have none of the features.
   */
  constructor(schema: Schema, sample: BaselineSample, chosen: readonly number[]) {
    this.schema = schema;
    this.features = featuresOf(schema, sample);
    this.walks = walksOf(this.features.length, chosen.length);
    this.#featureAt = new Int32Array(schema.columns.length).fill(-1);
    for (const [feature, { column }] of this.features.entries()) this.#featureAt[column] = feature;
    // As a record of one missing value would be an empty line, it is the empty text in its place.
    const missing = schema.columns.length === 1 ? '' : null;
    this.#fields = chosen.map((row) =>
      this.features.map(({ name }) =>
        encoder.encode(encodeField(sample.rows[row]![sample.columns.indexOf(name)] ?? missing)),
      ),
    );
  }

  /**
   * The copies that explain a row, in a fixed order, each once it is asked for. A copy that would be equal to the one before it is none.
   * @param steps gets which copy stands at each step of the walks.
   */
  *copies(row: PerturbedRow, steps: Steps): Generator<Copy, void> {
    const count = this.features.length;
    let copies = 0;
    for (const [baselineRow, walk] of this.walks.entries()) {
      const first = 2 * baselineRow * count;
      for (const isReverse of [false, true]) {
        const replaced = new Uint8Array(count);
        let last = ROW_ITSELF;
        for (let step = 0; step < count; step += 1) {
          const at = first + (isReverse ? count : 0) + step;
          if (isReverse && step === count - 1) {
            // Both walks end in the same copy.
            steps[at] = steps[first + count - 1]!;
            continue;
          }
          const feature = walk[isReverse ? count - 1 - step : step]!;
          if (!row.has(feature, this.#fields[baselineRow]![feature]!)) {
            replaced[feature] = 1;
            last = copies;
            copies += 1;
            yield { baselineRow, replaced };
          }
          steps[at] = last;
        }
      }
    }
  }

  /** Room for the steps of a row. */
  steps(): Steps {
    return new Int32Array(2 * this.walks.length * this.features.length);
  }

  /** Bytes that any copy of a row may have, at the most. */
  room(row: PerturbedRow): number {
    const largest = this.#fields.reduce((most, fields) => Math.max(most, sum(fields)), 0);
    return row.length + largest + 2;
  }

  /** Writes a copy as a canonical record into `target` and gives the end of it. */
  write(row: PerturbedRow, { baselineRow, replaced }: Copy, target: Uint8Array, start: number): number {
    const fields = this.#fields[baselineRow]!;
    let at = start;
    for (let column = 0; column < this.#featureAt.length; column += 1) {
      const feature = this.#featureAt[column]!;
      const field = feature >= 0 && replaced[feature] === 1 ? fields[feature]! : row.field(column);
      target.set(field, at);
      at += field.length;
      target[at++] = COMMA;
    }
    target[at - 1] = LF;
    return at;
  }

  /** A row of a batch, with its fields found. */
  row(batch: RowBatch, row: number): PerturbedRow {
    return new PerturbedRow(batch, row, this.features);
  }
}

/** One row that is explained. */
export class PerturbedRow {
  readonly length: number;
  readonly #fields: readonly Uint8Array[];
  readonly #features: readonly PerturbedFeature[];

  constructor(batch: RowBatch, row: number, features: readonly PerturbedFeature[]) {
    const bounds = new Uint32Array(2 * batch.schema.columns.length);
    fieldBounds(batch.bytes, batch.start(row), bounds);
    this.#fields = Array.from({ length: bounds.length / 2 }, (_, i) =>
      batch.bytes.subarray(bounds[2 * i], bounds[2 * i + 1]),
    );
    this.length = batch.ends[row]! - batch.start(row);
    this.#features = features;
  }

  /** The canonical field of a column; a view. */
  field(column: number): Uint8Array {
    return this.#fields[column]!;
  }

  /** The same as text. */
  text(column: number): string {
    const field = this.field(column);
    return Buffer.from(field.buffer, field.byteOffset, field.length).toString();
  }

  has(feature: number, field: Uint8Array): boolean {
    return Buffer.compare(this.field(this.#features[feature]!.column), field) === 0;
  }
}

function featuresOf(schema: Schema, { features }: BaselineSample): readonly PerturbedFeature[] {
  const names = columnNames(schema);
  const found = features
    .map((name) => ({ name, column: names.indexOf(name) }))
    .filter(({ column }) => column >= 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (found.length > 0) return found;
  throw new SluiceError(
    'COLUMN_UNKNOWN',
    `The rows have none of the columns that they are to be explained by (${features.slice(0, 12).join(', ')}); ` +
      'give baseline rows of the same form, or correct explanation.columns.',
  );
}

function sum(fields: readonly Uint8Array[]): number {
  return fields.reduce((total, field) => total + field.length, 0);
}
