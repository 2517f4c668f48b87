import { existsSync } from 'node:fs';
import type { AccuracyReport } from '../../../monitoring/accuracy.ts';
import type { Actual } from '../../../monitoring/actuals.ts';
import type { PairedBucket } from '../../../monitoring/paired-predictions.ts';
import type { PredictionResult, ResultsPage } from '../../../monitoring/prediction-results.ts';
import type { ScoredRows } from '../../../monitoring/scored-rows.ts';
import type { BucketSize } from '../../../monitoring/time-bucket.ts';
import { predictionLogPath } from '../prediction-log-path.ts';
import type { AccuracyAnswers, AccuracyRequest } from './accuracy-requests.ts';
import { AccuracyThread } from './accuracy-thread.ts';

/**
 * Predictions and actuals of the deployments of a server, in its state folder. They are read and written in a thread of their own, one request after the
 * other: millions of predictions take seconds, in which the server does all else. Throws OUTPUT_UNWRITABLE.
 */
export class AccuracyLog implements AsyncDisposable {
  readonly #path: string;
  readonly #thread: AccuracyThread;
  /** What is being read, by what was asked for: who asks for the same meanwhile gets the same. */
  readonly #reading = new Map<string, Promise<AccuracyAnswers[AccuracyRequest['what']]>>();

  /** @param stateFolder of the server. */
  constructor(stateFolder: string) {
    this.#path = predictionLogPath(stateFolder);
    this.#thread = new AccuracyThread(this.#path);
  }

  /** Keeps actuals, all of them or none. @param known only those whose ID has a prediction. */
  async keep(deployment: string, actuals: readonly Actual[], known: boolean): Promise<void> {
    await this.#thread.ask({ what: 'keep', deployment, actuals, known });
    // Whoever reads from now on sees them.
    this.#reading.clear();
  }

  async report(deployment: string, bucket: BucketSize, rows: ScoredRows): Promise<AccuracyReport | null> {
    if (!existsSync(this.#path)) return null;
    return await this.#read({ what: 'report', deployment, bucket, rows });
  }

  /** Predictions beside their actuals, by the time at which rows were scored. */
  async paired(deployment: string, bucket: BucketSize, rows: ScoredRows): Promise<readonly PairedBucket[]> {
    if (!existsSync(this.#path)) return [];
    return await this.#read({ what: 'paired', deployment, bucket, rows });
  }

  async results(
    deployment: string,
    page: ResultsPage,
  ): Promise<{ readonly total: number; readonly results: readonly PredictionResult[] }> {
    if (!existsSync(this.#path)) return { total: 0, results: [] };
    return await this.#read({ what: 'results', deployment, page });
  }

  /** What is under way fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }

  async #read<R extends AccuracyRequest>(request: R): Promise<AccuracyAnswers[R['what']]> {
    const key = JSON.stringify(request);
    const underWay = this.#reading.get(key) as Promise<AccuracyAnswers[R['what']]> | undefined;
    if (underWay !== undefined) return await underWay;
    const reading = this.#thread.ask(request);
    this.#reading.set(key, reading);
    try {
      return await reading;
    } finally {
      if (this.#reading.get(key) === reading) this.#reading.delete(key);
    }
  }
}
