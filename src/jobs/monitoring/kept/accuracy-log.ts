import { existsSync } from 'node:fs';
import type { AccuracyReport, ScoredPeriod } from '../../../monitoring/accuracy.ts';
import type { Actual } from '../../../monitoring/actuals.ts';
import type { PairedBucket } from '../../../monitoring/paired-predictions.ts';
import type { PredictionResult, ResultsPage } from '../../../monitoring/prediction-results.ts';
import type { BucketSize } from '../../../monitoring/time-bucket.ts';
import { predictionLogPath } from '../prediction-log-path.ts';
import { AccuracyThread } from './accuracy-thread.ts';

/**
 * Predictions and actuals of the deployments of a server, in its state folder. They are read and written in a thread of their own, one request after the
 * other: millions of predictions take seconds, in which the server does all else. Throws OUTPUT_UNWRITABLE.
 */
export class AccuracyLog implements AsyncDisposable {
  readonly #path: string;
  readonly #thread: AccuracyThread;

  /** @param stateFolder of the server. */
  constructor(stateFolder: string) {
    this.#path = predictionLogPath(stateFolder);
    this.#thread = new AccuracyThread(this.#path);
  }

  /** Keeps actuals, all of them or none. @param known only those whose ID has a prediction. */
  async keep(deployment: string, actuals: readonly Actual[], known: boolean): Promise<void> {
    await this.#thread.ask({ what: 'keep', deployment, actuals, known });
  }

  async report(deployment: string, bucket: BucketSize, period: ScoredPeriod): Promise<AccuracyReport | null> {
    if (!existsSync(this.#path)) return null;
    return await this.#thread.ask({ what: 'report', deployment, bucket, period });
  }

  /** Predictions beside their actuals, by the time at which rows were scored. */
  async paired(deployment: string, bucket: BucketSize, period: ScoredPeriod): Promise<readonly PairedBucket[]> {
    if (!existsSync(this.#path)) return [];
    return await this.#thread.ask({ what: 'paired', deployment, bucket, period });
  }

  async results(
    deployment: string,
    page: ResultsPage,
  ): Promise<{ readonly total: number; readonly results: readonly PredictionResult[] }> {
    if (!existsSync(this.#path)) return { total: 0, results: [] };
    return await this.#thread.ask({ what: 'results', deployment, page });
  }

  /** What is under way fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }
}
