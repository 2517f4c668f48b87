import { encodeRecords } from '../../../../src/core/canonical-csv.ts';
import type { RowBatch } from '../../../../src/core/row-batch.ts';
import { columnNames } from '../../../../src/core/schema.ts';
import type { Scorer, Scores } from '../../../../src/core/scorer.ts';
import type { Value } from '../../../../src/core/value.ts';
import { columnsOf } from '../../../../src/scoring/wires/datarobot-columns.ts';

/** A row as a model sees it. */
export type Row = Readonly<Record<string, Value>>;

/** The cells of a reply for a row; null refuses it. */
export type Model = (row: Row) => readonly Value[] | null;

export interface FunctionScorer extends Scorer {
  /** Every batch that was scored. */
  readonly batches: RowBatch[];
}

/** A model in place of a server: the names of the reply's columns, and the cells of each row. */
export function functionScorer(names: readonly string[], model: Model): FunctionScorer {
  const columns = columnsOf(names);
  const batches: RowBatch[] = [];
  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    signal.throwIfAborted();
    batches.push(batch);
    const keys = columnNames(batch.schema);
    const cells = batch
      .records()
      .map((fields) => model(Object.fromEntries(fields.map((field, i) => [keys[i]!, field]))));
    const failures = cells.flatMap((cell, row) => (cell === null ? [{ row, reason: 'refused', attempts: 1 }] : []));
    const nothing = failures.length === cells.length;
    return {
      rows: cells.length,
      columns: nothing ? [] : columns,
      ...encodeRecords(nothing ? [] : cells.map((cell) => cell ?? names.map(() => null))),
      failures,
      model: null,
    };
  };
  return {
    batches,
    describe: async () => ({}),
    score,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** A regression with the target `y`. */
export function regression(predict: (row: Row) => number | null): FunctionScorer {
  return functionScorer(['y_PREDICTION'], (row) => {
    const value = predict(row);
    return value === null ? null : [value];
  });
}
