import { SluiceError } from '../../core/error.ts';
import type { ColumnRole, ScoreColumn } from '../../core/scorer.ts';
import { nameList, nearestNames } from './nearest-name.ts';
import type { OutputSettings } from './output-settings.ts';

/**
 * Where one prediction cell of an output row comes from: cell `cell` of the reply's record, nothing (a missing
 * explanation), or the threshold of the job. `explains` marks the cells that thresholdHigh and thresholdLow blank.
 */
export interface PredictionCell {
  readonly name: string;
  readonly from: 'reply' | 'blank' | 'label' | 'threshold';
  readonly cell: number;
  readonly explains: boolean;
}

/** What decides the label, and whether a row is explained: cells of the reply's record. */
export interface ClassCells {
  readonly probabilities: readonly { readonly cell: number; readonly label: string }[];
  /** The cell that names the positive class, if the reply has one. */
  readonly positiveClass: number | null;
  readonly prediction: number | null;
}

type Kind = ColumnRole['kind'];

/** The blocks of an output row, in order. */
const BLOCKS: Readonly<Record<Exclude<Kind, 'other'>, number>> = {
  prediction: 0,
  label: 0,
  probability: 0,
  threshold: 0,
  positiveClass: 0,
  explanation: 1,
  shap: 2,
  outlier: 3,
  approval: 4,
};

const PARTS = [
  ['name', 'FEATURE_NAME'],
  ['strength', 'STRENGTH'],
  ['value', 'ACTUAL_VALUE'],
  ['qualitative', 'QUALITATIVE_STRENGTH'],
] as const;

/** The prediction cells of the output, in order, before remapping. Throws COLUMN_UNKNOWN for an unknown class. */
export function predictionCells(settings: OutputSettings, columns: readonly ScoreColumn[]): readonly PredictionCell[] {
  checkClasses(settings, columns);
  const recompute = settings.predictionThreshold !== null && classCells(columns).probabilities.length === 2;
  const blocks: PredictionCell[][] = [[], explanationCells(settings, columns), [], [], []];
  let block = 0;
  for (const [cell, { name, role }] of columns.entries()) {
    // A column that we do not know stays behind the one that it came behind.
    if (role.kind !== 'other') block = BLOCKS[role.kind];
    if (!isKept(role, settings)) continue;
    const from =
      recompute && role.kind === 'prediction'
        ? 'label'
        : recompute && role.kind === 'threshold'
          ? 'threshold'
          : 'reply';
    blocks[block]!.push({ name, from, cell, explains: role.kind === 'shap' });
  }
  return blocks.flat();
}

/** Finds the cells that carry classes and the prediction. */
export function classCells(columns: readonly ScoreColumn[]): ClassCells {
  const at = (kind: Kind): number | null => {
    const index = columns.findIndex((column) => column.role.kind === kind);
    return index < 0 ? null : index;
  };
  const probabilities = columns.flatMap(({ role }, cell) =>
    role.kind === 'probability' ? [{ cell, label: role.label }] : [],
  );
  return { probabilities, positiveClass: at('positiveClass'), prediction: at('prediction') };
}

/** Explanations are left to `explanationCells`, which gives all ranks and parts. */
function isKept(role: ColumnRole, settings: OutputSettings): boolean {
  if (role.kind === 'explanation') return false;
  if (role.kind === 'outlier') return settings.predictionWarningEnabled;
  if (role.kind === 'threshold' || role.kind === 'positiveClass') return settings.includeProbabilities;
  if (role.kind !== 'probability') return true;
  const classes = settings.includeProbabilitiesClasses;
  return settings.includeProbabilities && (classes.length === 0 || classes.includes(role.label));
}

function explanationCells(settings: OutputSettings, columns: readonly ScoreColumn[]): PredictionCell[] {
  const cells: PredictionCell[] = [];
  for (let rank = 1; rank <= settings.maxExplanations; rank += 1) {
    for (const [part, suffix] of PARTS) {
      const cell = columns.findIndex(
        ({ role }) => role.kind === 'explanation' && role.rank === rank && role.part === part,
      );
      const name = columns[cell]?.name ?? `EXPLANATION_${rank}_${suffix}`;
      cells.push({ name, from: cell < 0 ? 'blank' : 'reply', cell, explains: true });
    }
  }
  return cells;
}

function checkClasses(settings: OutputSettings, columns: readonly ScoreColumn[]): void {
  const labels = classCells(columns).probabilities.map(({ label }) => label);
  const unknown = settings.includeProbabilitiesClasses.find((label) => !labels.includes(label));
  if (unknown === undefined || !settings.includeProbabilities) return;
  const near = nearestNames(unknown, labels);
  const known = labels.length === 0 ? 'no classes' : `the classes ${nameList(near.length > 0 ? near : labels)}`;
  throw new SluiceError(
    'COLUMN_UNKNOWN',
    `includeProbabilitiesClasses names "${unknown}", but the deployment has ${known}; correct the name.`,
  );
}
