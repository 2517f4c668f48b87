import { encodeField } from '../../core/canonical-csv.ts';
import { type Column, columnNames, type Schema } from '../../core/schema.ts';
import {
  assertDistinct,
  type FinalNames,
  MODEL_NAME,
  madeNames,
  passthroughNames,
  STATUS_NAME,
} from './output-names.ts';
import type { OutputSettings } from './output-settings.ts';
import { passthroughColumns } from './passthrough-columns.ts';
import type { CellSource } from './record-program.ts';

/** The columns behind the predictions, which are known before the first reply: the status, the model and the passthrough columns. */
export interface TailColumns {
  /** Names before and after remapping, also of dropped columns (null), in the same order. */
  readonly original: readonly string[];
  readonly final: FinalNames;
  /** Names of the passthrough columns before remapping. */
  readonly passthrough: readonly string[];
  /** What remains, in output order. */
  readonly columns: readonly Column[];
  readonly names: readonly string[];
  /** @param model what the cell says that tells the model, as a canonical field. */
  scoredCells(model: Uint8Array): readonly CellSource[];
  readonly failedCells: readonly CellSource[];
  readonly intakeColumns: number;
}

const encoder = new TextEncoder();
/** Longest status, in UTF-16 units: it is for a spreadsheet cell, the dead letter has the whole reason. */
const STATUS_LENGTH = 300;

/** Throws COLUMN_UNKNOWN, COLUMN_CONFLICT and CONFIG_INVALID for settings that do not fit the intake. */
export function tailColumns(settings: OutputSettings, intake: Schema): TailColumns {
  const { columnNamesRemapping: remapping, includePredictionStatus, includeModelVersion } = settings;
  const indexes = passthroughColumns(settings, intake);
  const all = columnNames(intake);
  const passthrough = indexes.map((index) => all[index]!);
  const made = [...(includePredictionStatus ? [STATUS_NAME] : []), ...(includeModelVersion ? [MODEL_NAME] : [])];
  const original = [...made, ...passthrough];
  const final = [...madeNames(made, passthrough, remapping), ...passthroughNames(passthrough, remapping)];
  assertDistinct(original, final);
  const ok: CellSource = { from: 'constant', bytes: encoder.encode('OK') };
  const entries: { readonly column: Column; readonly scored: CellSource | 'model'; readonly failed: CellSource }[] = [];
  for (const [i, name] of final.entries()) {
    if (name === null) continue;
    const cell = indexes[i - made.length];
    if (cell === undefined) {
      if (made[i] === STATUS_NAME) entries.push({ column: { name }, scored: ok, failed: { from: 'rowText' } });
      else entries.push({ column: { name }, scored: 'model', failed: { from: 'constant', bytes: new Uint8Array(0) } });
    } else {
      const source: CellSource = { from: 'row', cell };
      entries.push({ column: { ...intake.columns[cell], name }, scored: source, failed: source });
    }
  }
  return {
    original,
    final,
    passthrough,
    columns: entries.map((entry) => entry.column),
    names: entries.map((entry) => entry.column.name),
    scoredCells: (model) =>
      entries.map(({ scored }) => (scored === 'model' ? { from: 'constant', bytes: model } : scored)),
    failedCells: entries.map((entry) => entry.failed),
    intakeColumns: all.length,
  };
}

/** The status of a failed row as a canonical field: the first line of the reason, cut. */
export function statusField(reason: string): Uint8Array {
  const line = reason
    .trim()
    .split(/[\r\n]/, 1)[0]!
    .slice(0, STATUS_LENGTH);
  // A character outside the basic plane is two units: half of one is no text.
  const whole = /[\uD800-\uDBFF]$/.test(line) ? line.slice(0, -1) : line;
  return encoder.encode(encodeField(whole === '' ? 'failed without a reason' : whole));
}
