import type { DatabaseSync } from 'node:sqlite';
import { classKey, numberOf } from './class-label.ts';
import { conditionOf, type ScoredRows } from './scored-rows.ts';
import { type BucketSize, bucketOf } from './time-bucket.ts';

/** The latest predictions of a time, and of those that have one the actuals beside them. */
export interface PairedBucket {
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly total: number;
  /** All below is of these. */
  readonly withActual: number;
  /** Null where classes are predicted, and without a pair of numbers. */
  readonly meanPredicted: number | null;
  readonly meanActual: number | null;
  /** How often each class was predicted, and came true; empty where numbers are predicted. */
  readonly predictedClasses: ReadonlyMap<string, number>;
  readonly actualClasses: ReadonlyMap<string, number>;
}

/** More are counted together: what comes as an actual is not ours to bound. */
const MOST_CLASSES = 1_000;
const OTHERS = '(other)';

/** The latest prediction of each ID with its actual. SQLite takes the other columns from the row that has the maximum. */
const predicted = (where: string): string => `
SELECT max(p.scored) AS scored, p.prediction, p.class, a.value
FROM predictions p LEFT JOIN actuals a ON a.deployment = p.deployment AND a.association = p.association
WHERE ${where} GROUP BY p.association`;

interface PredictedRow {
  readonly scored: number;
  readonly prediction: string;
  /** Null where numbers are predicted. */
  readonly class: string | null;
  readonly value: string | null;
}

/** Predictions of a deployment beside what came true, by the time at which rows were scored, in UTC; times without rows are left out. */
export function pairedPredictions(
  database: DatabaseSync,
  deployment: string,
  size: BucketSize,
  rows: ScoredRows,
): readonly PairedBucket[] {
  const buckets = new Map<number, Pairs>();
  const { where, parameters } = conditionOf(deployment, rows);
  for (const found of database.prepare(predicted(where)).iterate(...parameters)) {
    const row = found as unknown as PredictedRow;
    const start = bucketOf(row.scored, size);
    let pairs = buckets.get(start);
    if (pairs === undefined) buckets.set(start, (pairs = new Pairs()));
    pairs.add(row);
  }
  return [...buckets].toSorted(([a], [b]) => a - b).map(([start, pairs]) => pairs.bucket(start));
}

class Pairs {
  #total = 0;
  #withActual = 0;
  #numbers = 0;
  #predicted = 0;
  #actual = 0;
  /** Classes by their keys, as they are predicted, else as they came true. */
  readonly #labels = new Map<string, string>();
  readonly #predictedClasses = new Map<string, number>();
  readonly #actualClasses = new Map<string, number>();

  add({ prediction, class: positive, value }: PredictedRow): void {
    this.#total += 1;
    if (value === null) return;
    this.#withActual += 1;
    if (positive !== null) {
      const [predicted, actual] = [classKey(prediction), classKey(value)];
      this.#labels.set(predicted, prediction);
      if (!this.#labels.has(actual)) this.#labels.set(actual, value);
      count(this.#predictedClasses, predicted);
      count(this.#actualClasses, actual);
      return;
    }
    const [predicted, actual] = [numberOf(prediction), numberOf(value)];
    if (predicted === null || actual === null) return;
    this.#numbers += 1;
    // Running means: a sum would lose the small ones among many.
    this.#predicted += (predicted - this.#predicted) / this.#numbers;
    this.#actual += (actual - this.#actual) / this.#numbers;
  }

  bucket(start: number): PairedBucket {
    return {
      start,
      total: this.#total,
      withActual: this.#withActual,
      meanPredicted: this.#numbers === 0 ? null : this.#predicted,
      meanActual: this.#numbers === 0 ? null : this.#actual,
      predictedClasses: this.#labelled(this.#predictedClasses),
      actualClasses: this.#labelled(this.#actualClasses),
    };
  }

  #labelled(counts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
    const named = [...counts].map(([key, rows]) => [this.#labels.get(key) ?? key, rows] as const);
    return new Map(named.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function count(counts: Map<string, number>, label: string): void {
  const place = counts.has(label) || counts.size < MOST_CLASSES ? label : OTHERS;
  counts.set(place, (counts.get(place) ?? 0) + 1);
}
