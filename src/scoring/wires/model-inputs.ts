import { decodeField, fieldBounds } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { type Column, columnNames, type Schema } from '../../core/schema.ts';
import type { ModelInput } from '../../core/scorer.ts';
import { nameList, nearestNames } from '../output/nearest-name.ts';

/** Rows of a batch that are looked at, and cells that must have something in them before a column is judged by them. */
const SAMPLE_ROWS = 100;
const SAMPLE_CELLS = 10;

/** Texts that servers take for a missing number. */
const missingTexts = new Set(['', 'NA', 'N/A', 'NaN', 'nan', 'null', 'NULL', 'None']);

/** Whether a text stands for a missing number. */
export function isMissing(text: string): boolean {
  return missingTexts.has(text);
}

/**
 * Holds the columns of the rows against those that the model needs, before anything is sent. A column is of the wrong type when
 * its source says so, or when none of the first rows has a number where numbers belong; single cells are the fault of their rows.
 * @throws MODEL_COLUMNS
 */
export function assertInputs(target: string, inputs: readonly ModelInput[], batch: RowBatch): void {
  const names = columnNames(batch.schema);
  const lacking = inputs.filter(({ column }) => !names.includes(column)).map(({ column }) => column);
  if (lacking.length > 0) {
    const [near] = nearestNames(lacking[0]!, names);
    const isUncut = names.length === 1 && /[;\t|]/.test(names[0]!);
    const hint = isUncut ? ' Is csvSettings.delimiter right?' : near === undefined ? '' : ` Is it "${near}"?`;
    throw new SluiceError(
      'MODEL_COLUMNS',
      `The rows lack ${lacking.length === 1 ? 'the column' : 'the columns'} ${nameList(lacking)} that the model of ${target} ` +
        `needs; they have ${nameList(names)}.${hint}`,
    );
  }
  for (const { column, type } of inputs) {
    const at = names.indexOf(column);
    if (type === 'number') assertNumbers(target, batch, at);
  }
}

/** Columns of the rows that the model takes nothing from. None where nobody says what it takes. */
export function unusedColumns(inputs: readonly ModelInput[], schema: Schema): readonly string[] {
  const used = new Set(inputs.map(({ column }) => column));
  return used.size === 0 ? [] : columnNames(schema).filter((name) => !used.has(name));
}

function assertNumbers(target: string, batch: RowBatch, at: number): void {
  const column = batch.schema.columns[at]!;
  if (isOther(column)) {
    throw new SluiceError(
      'MODEL_COLUMNS',
      `The column "${column.name}" is a ${column.type}, but the model of ${target} takes numbers there. Convert it, or read another one.`,
    );
  }
  const texts = sampleOf(batch, at).filter((text) => !isMissing(text));
  if (texts.length < SAMPLE_CELLS || texts.some((text) => Number.isFinite(Number(text)))) return;
  throw new SluiceError(
    'MODEL_COLUMNS',
    `The column "${column.name}" has no number in its first ${texts.length} rows, but the model of ${target} takes numbers ` +
      'there. Is it the right column, and the right delimiter?',
  );
}

/** Whether the source says that no cell is a number. Text may be one. */
function isOther({ type }: Column): boolean {
  return type === 'boolean' || type === 'date' || type === 'timestamp';
}

function sampleOf(batch: RowBatch, column: number): readonly string[] {
  const bounds = new Uint32Array(2 * (column + 1));
  return Array.from({ length: Math.min(SAMPLE_ROWS, batch.rows) }, (_, row) => {
    fieldBounds(batch.bytes, batch.start(row), bounds);
    return decodeField(batch.bytes, bounds[2 * column]!, bounds[2 * column + 1]!)?.trim() ?? '';
  });
}
