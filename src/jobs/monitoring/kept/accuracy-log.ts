import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { type AccuracyReport, accuracyOf, type ScoredPeriod } from '../../../monitoring/accuracy.ts';
import { type Actual, keepActuals } from '../../../monitoring/actuals.ts';
import { openLogDatabase } from '../../../monitoring/prediction-log.ts';
import { type PredictionResult, predictionResults, type ResultsPage } from '../../../monitoring/prediction-results.ts';
import type { BucketSize } from '../../../monitoring/time-bucket.ts';
import { predictionLogPath } from '../prediction-log-path.ts';

/** Predictions and actuals of the deployments of a server, in its state folder. Throws OUTPUT_UNWRITABLE. */
export class AccuracyLog {
  readonly #path: string;

  /** @param stateFolder of the server. */
  constructor(stateFolder: string) {
    this.#path = predictionLogPath(stateFolder);
  }

  /** Keeps actuals, all of them or none. @param known only those whose ID has a prediction. */
  async keep(deployment: string, actuals: readonly Actual[], known: boolean): Promise<void> {
    await this.#use((database) => {
      const has = database.prepare('SELECT 1 FROM predictions WHERE deployment = ? AND association = ? LIMIT 1');
      const wanted = known
        ? actuals.filter(({ association }) => has.get(deployment, association) !== undefined)
        : actuals;
      keepActuals(database, deployment, wanted);
    });
  }

  async report(deployment: string, bucket: BucketSize, period: ScoredPeriod): Promise<AccuracyReport | null> {
    if (!existsSync(this.#path)) return null;
    return await this.#use((database) => accuracyOf(database, deployment, bucket, period));
  }

  async results(
    deployment: string,
    page: ResultsPage,
  ): Promise<{ readonly total: number; readonly results: readonly PredictionResult[] }> {
    if (!existsSync(this.#path)) return { total: 0, results: [] };
    return await this.#use((database) => predictionResults(database, deployment, page));
  }

  async #use<T>(work: (database: DatabaseSync) => T): Promise<T> {
    const database = await openLogDatabase(this.#path);
    try {
      return work(database);
    } finally {
      database.close();
    }
  }
}
