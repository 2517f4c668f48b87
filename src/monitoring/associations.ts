import { decodeField, fieldBounds } from '../core/canonical-csv.ts';
import type { Associations } from '../core/monitor.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { ScoreColumn, Scores } from '../core/scorer.ts';

/** Longer association IDs are cut, as DataRobot cuts them. */
export const ASSOCIATION_CHARACTERS = 128;

/** The predictions of a batch by the association ID of their rows. Rows that failed, and rows without an ID, are left out. */
export function associationsOf(column: string, batch: RowBatch, scores: Scores): Associations | undefined {
  const place = batch.schema.columns.findIndex(({ name }) => name === column);
  const { columns } = scores;
  const predicted = columns.findIndex(({ role }) => role.kind === 'prediction');
  if (place < 0 || predicted < 0) return undefined;
  const positive = positivePlace(columns);
  const failed = new Set(scores.failures.map(({ row }) => row));
  const rowCells = new Uint32Array(2 * (place + 1));
  const scoreCells = new Uint32Array(2 * columns.length);
  const ids: string[] = [];
  const rows: number[] = [];
  const predictions: string[] = [];
  const probabilities: number[] = [];
  const isNumber = columns.every(({ role }) => role.kind !== 'probability');
  const positiveClass = isNumber ? null : (positive?.label ?? '');
  const scored = (cell: number): string | null =>
    decodeField(scores.bytes, scoreCells[2 * cell]!, scoreCells[2 * cell + 1]!);
  for (let row = 0; row < batch.rows; row += 1) {
    if (failed.has(row)) continue;
    fieldBounds(batch.bytes, batch.start(row), rowCells);
    const id = decodeField(batch.bytes, rowCells[2 * place]!, rowCells[2 * place + 1]!);
    if (id === null || id === '') continue;
    fieldBounds(scores.bytes, row === 0 ? 0 : scores.ends[row - 1]!, scoreCells);
    ids.push(id.slice(0, ASSOCIATION_CHARACTERS));
    rows.push(row);
    predictions.push(scored(predicted) ?? '');
    if (positive !== null) probabilities.push(Number(scored(positive.cell)));
  }
  return { ids, rows, predictions, positiveClass, probabilities };
}

/** The probability that is kept of two classes: the first in the reply. Null for other numbers of classes. */
function positivePlace(columns: readonly ScoreColumn[]): { readonly cell: number; readonly label: string } | null {
  const found = columns.flatMap(({ role }, cell) => (role.kind === 'probability' ? [{ cell, label: role.label }] : []));
  return found.length === 2 ? found[0]! : null;
}
