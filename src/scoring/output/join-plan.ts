import { encodeField } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { Column } from '../../core/schema.ts';
import type { ScoreColumn } from '../../core/scorer.ts';
import type { JoinPlan } from './join.ts';
import { assertDistinct, assertKnown, madeNames } from './output-names.ts';
import type { OutputSettings } from './output-settings.ts';
import { type PredictionCell, predictionCells } from './prediction-columns.ts';
import { type CellSource, compileRecord } from './record-program.ts';
import { rowDecision } from './row-decision.ts';
import type { TailColumns } from './tail-columns.ts';

const encoder = new TextEncoder();
const BLANK: CellSource = { from: 'constant', bytes: new Uint8Array(0) };

/**
 * The plan for replies with `columns`, and the prediction columns under their final names. Throws COLUMN_CONFLICT, COLUMN_UNKNOWN.
 * @param model the model that gave them, as a canonical field, for the column that tells it.
 */
export function planScored(
  settings: OutputSettings,
  columns: readonly ScoreColumn[],
  tail: TailColumns,
  model: Uint8Array,
): { readonly plan: JoinPlan; readonly columns: readonly Column[] } {
  const all = predictionCells(settings, columns);
  const made = all.map((cell) => cell.name);
  const sent = columns.map((column) => column.name);
  const twice = sent.find((name, i) => sent.indexOf(name) < i);
  if (twice !== undefined) {
    throw new SluiceError('REPLY_MISMATCH', `The reply has two columns "${twice}"; check the prediction server.`);
  }
  const final = madeNames(made, tail.passthrough, settings.columnNamesRemapping);
  assertKnown(settings.columnNamesRemapping, [...new Set([...made, ...sent, ...tail.original])]);
  assertDistinct([...made, ...tail.original], [...final, ...tail.final]);
  const kept = all.filter((_, i) => final[i] !== null);
  const names = final.filter((name) => name !== null);
  if (names.length + tail.names.length === 0) {
    throw new SluiceError('CONFIG_INVALID', 'columnNamesRemapping drops every column of the output; keep one of them.');
  }
  const constant = encoder.encode(String(settings.predictionThreshold));
  const cells = (explained: boolean): CellSource[] => [
    ...kept.map((cell) => cellSource(cell, explained, constant)),
    ...tail.scoredCells(model),
  ];
  const plan = {
    ...planUnscored(tail, names.length),
    scored: compileRecord(cells(true), columns.length, tail.intakeColumns),
    unexplained: compileRecord(cells(false), columns.length, tail.intakeColumns),
    decide: rowDecision(settings, columns),
    labelBytes: columns.reduce(
      (most, { role }) =>
        Math.max(most, role.kind === 'probability' ? encoder.encode(encodeField(role.label)).length : 0),
      0,
    ),
  };
  const classes = columns.some(({ role }) => role.kind === 'probability');
  const typed = kept.map(
    (cell, i): Column => ({ name: names[i]!, ...(isNumber(cell, columns, classes) ? { type: 'number' } : {}) }),
  );
  return { plan, columns: typed };
}

/** The plan for batches in which every row failed, with `blanks` cells before the tail. */
export function planUnscored(tail: TailColumns, blanks: number): JoinPlan {
  const before = Array.from({ length: blanks }, () => BLANK);
  const failed = compileRecord([...before, ...tail.failedCells], 0, tail.intakeColumns);
  const lone = tail.failedCells.length === 1 ? tail.failedCells[0] : undefined;
  return {
    scored: failed,
    unexplained: failed,
    failed,
    decide: null,
    labelBytes: 0,
    lone: lone?.from === 'row' ? { cell: lone.cell, blank: compileRecord([...before, BLANK], 0, 0) } : null,
  };
}

/** Whether a cell is a number whatever the target is: a label may look like one and is none. */
function isNumber(cell: PredictionCell, columns: readonly ScoreColumn[], classes: boolean): boolean {
  if (cell.from !== 'reply') return cell.from === 'threshold';
  const role = columns[cell.cell]?.role;
  if (role?.kind === 'explanation') return role.part === 'strength';
  if (role?.kind === 'prediction') return !classes;
  return role?.kind === 'probability' || role?.kind === 'threshold' || role?.kind === 'shap';
}

function cellSource(cell: PredictionCell, explained: boolean, threshold: Uint8Array): CellSource {
  if (cell.from === 'blank' || (cell.explains && !explained)) return BLANK;
  if (cell.from === 'label') return { from: 'rowText' };
  return cell.from === 'threshold' ? { from: 'constant', bytes: threshold } : { from: 'score', cell: cell.cell };
}
