import type { RowBatch } from '../../core/row-batch.ts';
import type { ScoreColumn, Scorer, Scores } from '../../core/scorer.ts';
import { defaultOutputSettings } from '../output/output-settings.ts';
import { type RowDecision, rowDecision } from '../output/row-decision.ts';
import type { BaselineSample } from './baseline-sample.ts';
import { type CopyLimits, type ExplainedRow, scoreCopies } from './copy-requests.ts';
import { type ExplainedValues, explainedValues } from './explained-value.ts';
import { ExplainedColumns, explanationCells } from './explanation-columns.ts';
import { PerturbationSlot } from './perturbation-slot.ts';
import { strengthsOf } from './strengths.ts';

export interface OcclusionSettings {
  readonly sample: BaselineSample;
  readonly maxExplanations: number;
  /** As in the settings of the output: they choose the rows that are explained. */
  readonly thresholdHigh: number | null;
  readonly thresholdLow: number | null;
  readonly limits: CopyLimits;
}

/** What explanations have cost so far. */
export interface ExplanationCounters {
  /** Rows that were explained. */
  readonly rows: number;
  /** Perturbed copies that were scored for it, and for the choice of baseline rows at the beginning. */
  readonly copies: number;
  /** Requests that held them; more were sent where the server refused some. */
  readonly requests: number;
}

export interface OcclusionScorer {
  readonly scorer: Scorer;
  readonly counters: ExplanationCounters;
}

/**
 * Explains rows on servers that cannot: scores copies of each row in which values are replaced by those of the baseline rows, and sees what
 * that does to the prediction (`strengthsOf`). The scores get the explanation columns that a server would have sent; blank are the cells
 * of rows between the thresholds, and of those whose copies could not be scored. An explanation depends on the row, the sample and the
 * model alone, not on the batch.
 *
 * @param rows scores the rows.
 * @param copies scores the copies: with the same limits and retries, and always with bisection, as a copy that is refused must
 * not take its neighbours with it.
 */
export function withOcclusion(rows: Scorer, copies: Scorer, settings: OcclusionSettings): OcclusionScorer {
  const counters = { rows: 0, copies: 0, requests: 0 };
  const explained = new ExplainedColumns(settings.maxExplanations);
  const plans = new PlanSlot(settings);
  const onRequest = (count: number): void => {
    counters.requests += 1;
    counters.copies += count;
  };
  const { sample, limits } = settings;
  const perturbations = new PerturbationSlot({ scorer: copies, sample, requestRows: limits.rows, onRequest });

  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    const scores = await rows.score(batch, signal);
    if (scores.columns.length === 0) return scores;
    const { decide, values } = plans.for(scores.columns);
    const chosen: ExplainedRow[] = [];
    const failed = new Set(scores.failures.map(({ row }) => row));
    for (let row = 0; row < batch.rows; row += 1) {
      if (failed.has(row) || decide?.(scores, row).explained === false) continue;
      const label = values.classOf(scores, row);
      chosen.push({ row, label, prediction: values.valueOf(scores, row, label) });
    }
    const cells = new Map<number, string>();
    if (chosen.length > 0) {
      const perturbation = await perturbations.for(batch.schema, signal);
      await scoreCopies(
        copies,
        batch,
        chosen,
        {
          perturbation,
          limits,
          onRequest,
          onRow: ({ row, fields, values: found, steps }) => {
            counters.rows += 1;
            const strengths = strengthsOf(row.prediction, found, steps, perturbation.walks);
            if (strengths === null) return;
            const features = perturbation.features.map(({ name, column }, i) => ({
              feature: name,
              strength: strengths[i]!,
              field: fields.text(column),
            }));
            cells.set(row.row, explanationCells(features, settings.maxExplanations));
          },
        },
        signal,
      );
    }
    const joined = explained.joined(scores, cells);
    scores.release?.();
    return joined;
  };

  const scorer: Scorer = {
    describe: (signal) => rows.describe(signal),
    score,
    close: () => rows.close(),
    [Symbol.asyncDispose]: () => rows.close(),
  };
  return { scorer, counters };
}

/** What is worked out once for replies with the same columns. */
class PlanSlot {
  readonly #settings: OcclusionSettings;
  #known: { columns: readonly ScoreColumn[]; decide: RowDecision | null; values: ExplainedValues } | null = null;

  constructor(settings: OcclusionSettings) {
    this.#settings = settings;
  }

  for(columns: readonly ScoreColumn[]): { readonly decide: RowDecision | null; readonly values: ExplainedValues } {
    if (this.#known?.columns !== columns) {
      const { thresholdHigh, thresholdLow } = this.#settings;
      const decide = rowDecision({ ...defaultOutputSettings, thresholdHigh, thresholdLow }, columns);
      this.#known = { columns, decide, values: explainedValues(columns) };
    }
    return this.#known;
  }
}
