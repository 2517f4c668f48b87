import { encodeRecords } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import { RowBatch } from '../../core/row-batch.ts';
import { columnNames, type Schema, sameColumns } from '../../core/schema.ts';
import type { Scorer } from '../../core/scorer.ts';
import type { BaselineSample } from './baseline-sample.ts';
import { Perturbation } from './perturbation.ts';

/** A topic may have any number of forms of messages: those that came last are kept. */
const MOST_KEPT = 16;

/** How the rows of each schema are perturbed; a job has one, messages of a topic may change their columns. */
export class PerturbationSlot {
  readonly #scorer: Scorer;
  readonly #sample: BaselineSample;
  #known: readonly Perturbation[] = [];

  constructor(scorer: Scorer, sample: BaselineSample) {
    this.#scorer = scorer;
    this.#sample = sample;
  }

  /** Several may ask at once before there is one: each then asks the server, as the batch of another may be given up at any time. */
  async for(schema: Schema, signal: AbortSignal): Promise<Perturbation> {
    const known = this.#known.find((one) => sameColumns(one.schema, schema));
    if (known !== undefined) return known;
    const made = new Perturbation(schema, this.#sample, await this.#usable(schema, signal));
    this.#known = [made, ...this.#known].slice(0, MOST_KEPT);
    return made;
  }

  /** The baseline rows that the server can score: one that it refuses would have every copy refused. */
  async #usable(schema: Schema, signal: AbortSignal): Promise<readonly number[]> {
    const { columns, rows } = this.#sample;
    const all = [...rows.keys()];
    const at = columnNames(schema).map((name) => columns.indexOf(name));
    // Without all of the columns, nobody can tell by them alone.
    if (at.includes(-1)) return all;
    const { bytes, ends } = encodeRecords(rows.map((row) => at.map((index) => row[index]!)));
    const origin = { split: 'baseline', firstRow: 0, after: null, position: null, rejected: [] };
    const scores = await this.#scorer.score(RowBatch.fromCsv(schema, origin, bytes, ends), signal);
    const failed = new Set(scores.failures.map(({ row }) => row));
    scores.release?.();
    const usable = all.filter((row) => !failed.has(row));
    if (usable.length > 0) return usable;
    throw new SluiceError(
      'CONFIG_INVALID',
      `The prediction server refuses every baseline row that explanations would need: ${scores.failures[0]?.reason ?? 'there are none'}. ` +
        'Give rows that it can score in explanation.baseline.',
    );
  }
}
