import type { DatabaseSync } from 'node:sqlite';
import { type Accuracy, BinaryErrors, RegressionErrors } from './accuracy-metrics.ts';
import { numberOf, sameClass } from './class-label.ts';
import { ALL_ROWS, conditionOf, type ScoredRows } from './scored-rows.ts';
import { type BucketSize, bucketOf } from './time-bucket.ts';

/** How good a deployment was, over all and by the time at which rows were scored. */
export interface AccuracyReport {
  readonly deployment: string;
  /** Predictions that are kept; one per association ID, the latest. */
  readonly predictions: number;
  readonly actuals: number;
  /** Actuals whose ID no kept prediction has. */
  readonly actualsWithoutPrediction: number;
  /** Rows with both that are left out, as their prediction is a number and their actual is none. */
  readonly unusable: number;
  readonly bucket: BucketSize;
  /** Null without a row that has both. */
  readonly overall: Accuracy | null;
  readonly buckets: readonly { readonly start: string; readonly accuracy: Accuracy }[];
}

/** The latest prediction of each ID with its actual. SQLite takes the other columns from the row that has the maximum. */
const joined = (where: string): string => `
SELECT max(p.scored) AS scored, p.prediction, p.class, p.probability, a.value
FROM actuals a JOIN predictions p ON p.deployment = a.deployment AND p.association = a.association
WHERE ${where} GROUP BY a.association ORDER BY p.probability`;

interface JoinedRow {
  readonly scored: number;
  readonly prediction: string;
  readonly class: string | null;
  readonly probability: number | null;
  readonly value: string;
}

/**
 * @param bucket how long a bucket is, by UTC.
 * @param rows only these; actuals count whenever they came.
 */
export function accuracyOf(
  database: DatabaseSync,
  deployment: string,
  bucket: BucketSize,
  rows: ScoredRows = ALL_ROWS,
): AccuracyReport {
  const one = (sql: string, ...values: readonly (string | number)[]): number =>
    Number(Object.values(database.prepare(sql).get(...values)!)[0]);
  const { where, parameters } = conditionOf(deployment, rows);
  const actuals = one('SELECT count(*) FROM actuals WHERE deployment = ?', deployment);
  const predictions = one(`SELECT count(DISTINCT association) FROM predictions p WHERE ${where}`, ...parameters);
  const overall = new Errors();
  const buckets = new Map<number, Errors>();
  let withActual = 0;
  let unusable = 0;
  for (const found of database.prepare(joined(where)).iterate(...parameters)) {
    const row = found as unknown as JoinedRow;
    withActual += 1;
    const start = bucketOf(row.scored, bucket);
    const errors = buckets.get(start) ?? new Errors();
    buckets.set(start, errors);
    if (!errors.add(row)) unusable += 1;
    else overall.add(row);
  }
  return {
    deployment,
    predictions,
    actuals,
    actualsWithoutPrediction: actuals - withActual,
    unusable,
    bucket,
    overall: overall.accuracy(),
    buckets: [...buckets]
      .toSorted(([a], [b]) => a - b)
      .flatMap(([start, errors]) => {
        const accuracy = errors.accuracy();
        return accuracy === null ? [] : [{ start: new Date(start).toISOString(), accuracy }];
      }),
  };
}

/** Of one bucket, whatever is predicted. */
class Errors {
  readonly #regression = new RegressionErrors();
  readonly #binary = new BinaryErrors();
  #rows = 0;
  #right = 0;

  /** False: the row cannot be used. Rows come in the order of their probability. */
  add({ prediction, class: positive, probability, value }: JoinedRow): boolean {
    if (positive === null) {
      const [predicted, actual] = [numberOf(prediction), numberOf(value)];
      if (predicted === null || actual === null) return false;
      this.#regression.add(predicted, actual);
    } else if (probability !== null) {
      this.#binary.add(probability, sameClass(positive, value), sameClass(prediction, value));
    } else {
      this.#rows += 1;
      if (sameClass(prediction, value)) this.#right += 1;
    }
    return true;
  }

  accuracy(): Accuracy | null {
    const measured = this.#regression.accuracy() ?? this.#binary.accuracy();
    if (measured !== null || this.#rows === 0) return measured;
    return { kind: 'multiclass', rows: this.#rows, accuracy: this.#right / this.#rows };
  }
}
