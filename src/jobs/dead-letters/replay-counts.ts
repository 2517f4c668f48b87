import type { Clock } from '../../core/clock.ts';
import { type Manifest, modelsAfter } from '../../core/ledger.ts';
import type { ManifestFacts } from '../../core/sink.ts';
import type { Statistics } from '../../core/statistics.ts';
import type { ReplayReport } from './replay-report.ts';
import type { ReplayedLetter } from './replay-scoring.ts';

/** Counts what becomes of the letters of an output, and says what its manifest is to say then. */
export class ReplayCounts {
  readonly #manifest: Manifest;
  #letters = 0;
  #scored = 0;
  #failed = 0;
  #models: Pick<Manifest, 'model' | 'models' | 'tally'>;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
    this.#models = manifest;
  }

  get letters(): number {
    return this.#letters;
  }

  get scored(): number {
    return this.#scored;
  }

  add({ scored, blank, model }: ReplayedLetter): void {
    this.#letters += 1;
    if (blank !== null) this.#failed += 1;
    if (scored === null) return;
    this.#scored += 1;
    const models = modelsAfter(this.#models, { model, tally: { read: 0, scored: 1, failed: 0, skipped: 0 } });
    const { tally } = this.#models;
    this.#models = {
      model: this.#models.model ?? model,
      tally: { ...tally, scored: tally.scored + 1, failed: tally.failed - 1 },
      ...(models === undefined ? {} : { models }),
    };
  }

  /** @param statistics of the output as it is now. */
  facts(clock: Clock, statistics: Statistics | undefined): ManifestFacts {
    const { objects: _, columns: __, ...facts } = this.#manifest;
    const monitored = statistics === undefined ? {} : { statistics };
    return { ...facts, ...this.#models, ...monitored, finished: new Date(clock.wall()).toISOString() };
  }

  /** @param manifest of the output as it is now. */
  report(output: string, manifest: Manifest): ReplayReport {
    const { skipped } = manifest.tally;
    const letters = this.#letters === 0 ? skipped : this.#letters;
    const untried = letters - this.#scored - this.#failed;
    return { output, letters, scored: this.#scored, failed: this.#failed, untried, manifest };
  }
}
