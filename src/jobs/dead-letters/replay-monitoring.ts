import type { Clock } from '../../core/clock.ts';
import type { JobIdentity, Manifest } from '../../core/ledger.ts';
import { addStatistics } from '../../core/merge-statistics.ts';
import type { Monitor, Observation } from '../../core/monitor.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { KeptLetter } from '../../core/scored-batch.ts';
import type { Scores } from '../../core/scorer.ts';
import { NO_VALUES, type Statistics } from '../../core/statistics.ts';
import { type PredictionLog, REPLAYED } from '../../monitoring/prediction-log.ts';
import { RefusalTally } from '../../monitoring/refusal-tally.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { openPredictionLog } from '../monitoring/logged-sink.ts';
import { monitorOf } from '../monitoring/monitor-of-job.ts';

/**
 * What the rows of dead letters add to the statistics of their output once they are scored, and to the log of predictions: what they would
 * have added at first. Of an output that is not monitored nothing.
 */
export class ReplayMonitoring {
  readonly #job: JobDescription;
  readonly #identity: JobIdentity;
  readonly #clock: Clock;
  readonly #monitor: Monitor | null;
  readonly #refusals = new RefusalTally();
  #statistics: Statistics | undefined;
  #log: PredictionLog | null = null;

  constructor(job: JobDescription, manifest: Manifest, clock: Clock) {
    this.#job = job;
    this.#identity = manifest.job;
    this.#clock = clock;
    this.#statistics = manifest.statistics;
    this.#monitor = monitorOf({ ...job, driftSampling: samplingOf(job, manifest.statistics) });
  }

  /** Called between the reply and the release of the batch. @param places of its rows in the output. */
  observe(batch: RowBatch, scores: Scores, places: readonly (number | null)[]): Observation {
    const seen = this.#monitor?.observe(batch, scores) ?? {};
    const { associations } = seen;
    if (associations === undefined) return seen;
    return { ...seen, associations: { ...associations, rows: associations.rows.map((row) => places[row]!) } };
  }

  /** What was observed counts, in the order of the letters. */
  async add({ statistics, associations }: Observation): Promise<void> {
    if (this.#statistics !== undefined && statistics !== undefined)
      this.#statistics = addStatistics(this.#statistics, { ...statistics, refusals: NO_VALUES });
    if (associations === undefined || associations.ids.length === 0) return;
    this.#log ??= await openPredictionLog(this.#job, this.#identity, Number.POSITIVE_INFINITY);
    this.#log.add(REPLAYED, associations, this.#clock.wall());
  }

  /** A letter that stays one, as it is kept now. Rows that a table refused were scored. */
  left({ kind, row, reason }: KeptLetter): void {
    if (kind === 'skipped' || row !== null) this.#refusals.add(reason);
  }

  /** Of the output as it is now; all letters were seen. */
  get statistics(): Statistics | undefined {
    if (this.#statistics === undefined) return undefined;
    return { ...this.#statistics, refusals: this.#refusals.take() };
  }

  /** The predictions are durable when this returns. Called before the output is: what that then lacks is written again by the next replay. */
  commit(): void {
    this.#log?.commit();
  }

  close(): void {
    this.#log?.close();
    this.#log = null;
  }
}

/** Without a baseline nothing but the figures themselves says how many rows were looked at. */
function samplingOf({ driftSampling }: JobDescription, statistics: Statistics | undefined): 'all' | number {
  if (driftSampling !== 'auto') return driftSampling;
  const { rows = 0, sampled = 0 } = statistics ?? {};
  return sampled === 0 ? 'all' : Math.max(1, Math.round(rows / sampled));
}
