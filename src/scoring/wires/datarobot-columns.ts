import type { ColumnRole, ScoreColumn } from '../../core/scorer.ts';

/** The column of an output that says for each row whether it was scored. */
export const STATUS_COLUMN = 'prediction_status';

const PREDICTION = '_PREDICTION';

const fixedRoles: ReadonlyMap<string, ColumnRole> = new Map<string, ColumnRole>([
  ['ANOMALY_SCORE', { kind: 'prediction' }],
  ['THRESHOLD', { kind: 'threshold' }],
  ['POSITIVE_CLASS', { kind: 'positiveClass' }],
  ['IS_OUTLIER_PREDICTION', { kind: 'outlier' }],
  ['DEPLOYMENT_APPROVAL_STATUS', { kind: 'approval' }],
]);

const explanationParts = new Map([
  ['FEATURE_NAME', 'name'],
  ['STRENGTH', 'strength'],
  ['ACTUAL_VALUE', 'value'],
  ['QUALITATIVE_STRENGTH', 'qualitative'],
] as const);

/**
 * What the columns of a DataRobot table mean, told by their names. Of several names that end in `_PREDICTION` the last
 * is `<target>_PREDICTION`, the label; the others are `<target>_<class>_PREDICTION`, the probability of a class.
 */
export function columnsOf(names: readonly string[]): readonly ScoreColumn[] {
  const predictions = names.filter((name) => name.endsWith(PREDICTION) && !fixedRoles.has(name));
  const label = predictions.at(-1);
  const prefix = label === undefined ? '' : `${label.slice(0, -PREDICTION.length)}_`;
  return names.map((name): ScoreColumn => {
    if (name === label) return { name, role: { kind: 'prediction' } };
    if (predictions.includes(name) && name.startsWith(prefix)) {
      return { name, role: { kind: 'probability', label: name.slice(prefix.length, -PREDICTION.length) } };
    }
    return { name, role: fixedRoles.get(name) ?? roleByPattern(name) };
  });
}

function roleByPattern(name: string): ColumnRole {
  const [, rank, suffix] = /^EXPLANATION_(\d+)_(.+)$/.exec(name) ?? [];
  for (const [column, part] of explanationParts) {
    if (suffix === column) return { kind: 'explanation', rank: Number(rank), part };
  }
  return { kind: name.startsWith('SHAP_') ? 'shap' : 'other' };
}

/** Whether the columns are of a classification: then the prediction is a label, not a number. */
export function classifies(columns: readonly ScoreColumn[]): boolean {
  return columns.some((column) => column.role.kind === 'probability');
}

/** The names of the columns of `n` explanations. */
export function explanationNames(n: number): readonly string[] {
  return Array.from({ length: n }, (_, i) =>
    [...explanationParts.keys()].map((suffix) => `EXPLANATION_${i + 1}_${suffix}`),
  ).flat();
}
