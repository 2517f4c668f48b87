import type { Monitor, Observation } from '../core/monitor.ts';
import type { RowBatch } from '../core/row-batch.ts';
import { columnNames, type Schema, sameColumns } from '../core/schema.ts';
import type { ScoreColumn, Scores } from '../core/scorer.ts';
import type { Statistics } from '../core/statistics.ts';
import { associationsOf } from './associations.ts';
import { type Baseline, MOST_FEATURES } from './baseline.ts';
import { columnCounter } from './column-counter.ts';
import { RefusalTally } from './refusal-tally.ts';
import { TableCounter } from './table-counter.ts';

export interface MonitorSettings {
  /** Null keeps no statistics. */
  readonly statistics: {
    /** Null counts columns by themselves. */
    readonly baseline: Baseline | null;
    /** One row in so many of each batch is looked at, from its first on; 1 looks at all. */
    readonly every: number;
  } | null;
  /** The column whose values name the rows to actuals that come later; null keeps none. */
  readonly associationId: string | null;
}

/** Columns of replies: the prediction and so many probabilities. */
const MOST_PREDICTIONS = 25;

/** Counts what batches hold and what came back for them. */
export function createMonitor({ statistics, associationId }: MonitorSettings): Monitor {
  let features: { readonly schema: Schema; readonly table: TableCounter } | null = null;
  let predictions: { readonly columns: readonly ScoreColumn[]; readonly table: TableCounter } | null = null;
  const refusals = new RefusalTally();
  const baseline = statistics?.baseline ?? null;

  const featuresFor = (schema: Schema): TableCounter => {
    if (features === null || !sameColumns(features.schema, schema))
      features = { schema, table: featureTable(schema, baseline) };
    return features.table;
  };
  const predictionsFor = (columns: readonly ScoreColumn[]): TableCounter => {
    if (predictions === null || predictions.columns !== columns)
      predictions = { columns, table: predictionTable(columns, baseline) };
    return predictions.table;
  };
  const choice = new RowChoice(statistics?.every ?? 1);
  const count = (batch: RowBatch, scores: Scores): Statistics => {
    for (const { reason } of [...scores.failures, ...batch.origin.rejected]) refusals.add(reason);
    const rows = choice.of(batch.rows, scores);
    const isScored = rows.length > 0;
    return {
      rows: batch.rows - scores.failures.length,
      sampled: rows.length,
      refusals: refusals.take(),
      features: isScored ? featuresFor(batch.schema).count(batch, rows) : [],
      predictions: isScored ? predictionsFor(scores.columns).count(scores, rows) : [],
    };
  };
  return {
    observe(batch, scores): Observation {
      return {
        ...(statistics === null ? {} : { statistics: count(batch, scores) }),
        ...(associationId === null ? {} : { associations: associationsOf(associationId, batch, scores) }),
      };
    },
  };
}

/** Chooses every so many-th row of a batch, without those that were not scored. */
class RowChoice {
  readonly #every: number;
  /** As many of these rows as the largest batch had; the choice of a smaller one is a part of it. */
  #multiples = new Uint32Array(0);

  constructor(every: number) {
    this.#every = every;
  }

  of(rows: number, { failures }: Scores): Uint32Array {
    const most = Math.ceil(rows / this.#every);
    if (most > this.#multiples.length)
      this.#multiples = Uint32Array.from({ length: 2 * most }, (_, i) => i * this.#every);
    const all = this.#multiples.subarray(0, most);
    if (failures.length === 0) return all;
    const failed = new Set(failures.map(({ row }) => row));
    return all.filter((row) => !failed.has(row));
  }
}

function featureTable(schema: Schema, baseline: Baseline | null): TableCounter {
  const names = columnNames(schema);
  const counters =
    baseline === null
      ? names.slice(0, MOST_FEATURES).map((name) => columnCounter(name, null))
      : baseline.features.map((column) => columnCounter(column.statistics.name, column));
  return new TableCounter(counters, names);
}

function predictionTable(columns: readonly ScoreColumn[], baseline: Baseline | null): TableCounter {
  const known = new Map(baseline?.predictions.map((column) => [column.statistics.name, column]));
  const isClassification = columns.some(({ role }) => role.kind === 'probability');
  const counters = columns
    .filter(({ role }) => role.kind === 'prediction' || role.kind === 'probability')
    .toSorted((a, b) => Number(b.role.kind === 'prediction') - Number(a.role.kind === 'prediction'))
    .slice(0, MOST_PREDICTIONS)
    .map(({ name, role }) =>
      columnCounter(name, known.get(name) ?? null, isClassification && role.kind === 'prediction'),
    );
  return new TableCounter(
    counters,
    columns.map(({ name }) => name),
  );
}
