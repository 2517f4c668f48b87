import { type ColumnStatistics, cellsOf, type Statistics } from '../../core/statistics.ts';
import { type Baseline, binNames } from '../../monitoring/baseline.ts';
import { classifies, columnsOf } from '../../scoring/wires/datarobot-columns.ts';

/** How predictions were spread: the mean of numbers, or of classes the mean probabilities and how often each was predicted. */
export interface PredictionSpread {
  readonly rowCount: number;
  readonly meanPredictedValue: number | null;
  readonly meanProbabilities: readonly { readonly className: string; readonly value: number | null }[];
  readonly classDistribution: readonly ClassShare[];
  readonly percentiles: readonly [];
}

export interface ClassShare {
  readonly className: string;
  readonly count: number;
  /** Of 100. */
  readonly percent: number;
}

/** @param statistics null: there were no rows. @param classes only these; undefined: all. */
export function predictionSpread(
  statistics: Pick<Statistics, 'rows' | 'predictions'> | null,
  baseline: Baseline,
  classes?: readonly string[],
): PredictionSpread {
  const columns = asReplied(statistics?.predictions ?? []);
  const roles = columnsOf(columns.map(({ name }) => name));
  const isWanted = (className: string): boolean => classes?.includes(className) ?? true;
  const place = roles.findIndex(({ role }) => role.kind === 'prediction');
  const predicted = columns[place];
  const hasClasses = classifies(roles);
  return {
    rowCount: statistics?.rows ?? 0,
    meanPredictedValue: hasClasses ? null : (predicted?.numbers?.mean ?? null),
    meanProbabilities: roles.flatMap(({ role }, i) =>
      role.kind === 'probability' && isWanted(role.label)
        ? [{ className: role.label, value: columns[i]!.numbers?.mean ?? null }]
        : [],
    ),
    classDistribution:
      predicted === undefined || !hasClasses
        ? []
        : sharesOf(labelCounts(predicted, baseline)).filter(({ className }) => isWanted(className)),
    percentiles: [],
  };
}

/** The prediction behind its probabilities, as replies have it, whose names say what a column is: statistics have it first. */
function asReplied(columns: readonly ColumnStatistics[]): readonly ColumnStatistics[] {
  const isOfAll = ({ name }: ColumnStatistics): boolean =>
    columns.every((other) => other.name === name || other.name.startsWith(name.replace(/PREDICTION$/, '')));
  const prediction = columns.find(isOfAll);
  return prediction === undefined ? columns : [...columns.filter((column) => column !== prediction), prediction];
}

/** Counts as shares of their sum. */
export function sharesOf(counts: Iterable<readonly [string, number]>): readonly ClassShare[] {
  const all = [...counts];
  const sum = all.reduce((total, [, count]) => total + count, 0);
  return all.map(([className, count]) => ({ className, count, percent: sum === 0 ? 0 : (100 * count) / sum }));
}

/** The spread of the baseline itself, in the same form. */
export function baselineSpread(baseline: Baseline, classes?: readonly string[]): PredictionSpread {
  const predictions = baseline.predictions.map(({ statistics }) => statistics);
  // They may be of other rows than the features.
  const rows = predictions[0] === undefined ? 0 : cellsOf(predictions[0]);
  return predictionSpread({ rows, predictions }, baseline, classes);
}

/** How often each label was predicted: by the bins of the baseline, else the texts that are kept. Labels that never came are left out. */
function labelCounts(column: ColumnStatistics, { predictions }: Baseline): readonly (readonly [string, number])[] {
  const { bins, texts } = column;
  const reference = predictions.find(({ statistics }) => statistics.name === column.name);
  if (bins === null || reference === undefined || reference.kind === 'untracked')
    return texts.values.map(([, text, count]) => [text, count]);
  const names = binNames(reference);
  return bins.flatMap((count, i) => (count === 0 ? [] : [[names[i] ?? '', count] as const]));
}
