import type { DatabaseSync } from 'node:sqlite';
import { type AccuracyReport, accuracyOf } from '../../../monitoring/accuracy.ts';
import { type Actual, keepActuals } from '../../../monitoring/actuals.ts';
import { type PairedBucket, pairedPredictions } from '../../../monitoring/paired-predictions.ts';
import { type PredictionResult, predictionResults, type ResultsPage } from '../../../monitoring/prediction-results.ts';
import type { ScoredRows } from '../../../monitoring/scored-rows.ts';
import type { BucketSize } from '../../../monitoring/time-bucket.ts';

interface RowsRequest {
  readonly deployment: string;
  readonly bucket: BucketSize;
  readonly rows: ScoredRows;
}

/** What the thread of the log of predictions is asked for. */
export type AccuracyRequest =
  | {
      readonly what: 'keep';
      readonly deployment: string;
      readonly actuals: readonly Actual[];
      readonly known: boolean;
    }
  | ({ readonly what: 'report' } & RowsRequest)
  | ({ readonly what: 'paired' } & RowsRequest)
  | { readonly what: 'results'; readonly deployment: string; readonly page: ResultsPage };

/** What it answers, by what it is asked for. */
export interface AccuracyAnswers {
  readonly keep: null;
  readonly report: AccuracyReport;
  readonly paired: readonly PairedBucket[];
  readonly results: { readonly total: number; readonly results: readonly PredictionResult[] };
}

export function answer(database: DatabaseSync, request: AccuracyRequest): AccuracyAnswers[AccuracyRequest['what']] {
  const { deployment } = request;
  if (request.what === 'report') return accuracyOf(database, deployment, request.bucket, request.rows);
  if (request.what === 'paired') return pairedPredictions(database, deployment, request.bucket, request.rows);
  if (request.what === 'results') return predictionResults(database, deployment, request.page);
  keepActuals(database, deployment, request.known ? known(database, request) : request.actuals);
  return null;
}

/** Those whose ID has a prediction. */
function known(
  database: DatabaseSync,
  { deployment, actuals }: Extract<AccuracyRequest, { readonly what: 'keep' }>,
): readonly Actual[] {
  const has = database.prepare('SELECT 1 FROM predictions WHERE deployment = ? AND association = ? LIMIT 1');
  return actuals.filter(({ association }) => has.get(deployment, association) !== undefined);
}
