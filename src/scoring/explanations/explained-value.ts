import { decodeField, fieldEnd } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { ScoreColumn, Scores } from '../../core/scorer.ts';
import { classCells } from '../output/prediction-columns.ts';
import { parseNumber } from '../output/row-decision.ts';

/** Finds the number that is explained in replies with given columns. */
export interface ExplainedValues {
  /**
   * Whose probability is explained: the positive class, of more than two classes the one that is predicted; null for a prediction that is
   * a number.
   */
  classOf(scores: Scores, row: number): string | null;
  /** The prediction, or the probability of a class; NaN where the reply has no number. */
  valueOf(scores: Scores, row: number, label: string | null): number;
}

/** Throws REPLY_MISMATCH for columns without a prediction. */
export function explainedValues(columns: readonly ScoreColumn[]): ExplainedValues {
  const { probabilities, positiveClass, prediction } = classCells(columns);
  const cells = new Map(probabilities.map(({ cell, label }) => [label, cell]));
  const cellOf = (label: string | null): number => {
    const cell = label === null ? prediction : cells.get(label);
    if (cell !== undefined && cell !== null) return cell;
    const what = label === null ? 'prediction' : `probability of the class ${label}`;
    throw new SluiceError('REPLY_MISMATCH', `A reply has no ${what} to explain; check the prediction server.`);
  };
  // Binary replies without a POSITIVE_CLASS column have the positive class first.
  const named = probabilities.length === 2 ? positiveClass : prediction;
  const first = probabilities[0]?.label ?? null;
  return {
    classOf: (scores, row) => {
      if (first === null) return null;
      if (named === null) return first;
      const [start, end] = boundsOf(scores, row, named);
      return decodeField(scores.bytes, start, end);
    },
    valueOf: (scores, row, label) => {
      const [start, end] = boundsOf(scores, row, cellOf(label));
      return parseNumber(scores.bytes, start, end);
    },
  };
}

function boundsOf({ bytes, ends }: Scores, row: number, cell: number): readonly [start: number, end: number] {
  let start = row === 0 ? 0 : ends[row - 1]!;
  for (let i = 0; i < cell; i += 1) start = fieldEnd(bytes, start) + 1;
  return [start, fieldEnd(bytes, start)];
}
