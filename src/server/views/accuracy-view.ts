import type { Accuracy } from '../../monitoring/accuracy-metrics.ts';

/** Of the names that DataRobot gives to measures of accuracy those that we measure; null where rows do not tell. */
export function accuracyValues(accuracy: Accuracy | null): ReadonlyMap<string, number | null> {
  if (accuracy === null) return new Map();
  if (accuracy.kind === 'multiclass') return new Map([['Accuracy', accuracy.accuracy]]);
  if (accuracy.kind === 'binary') {
    const { logLoss, auc, accuracy: share } = accuracy;
    const gini = auc === null ? null : 2 * auc - 1;
    return new Map([
      ['LogLoss', logLoss],
      ['AUC', auc],
      ['Gini Norm', gini],
      ['Accuracy', share],
    ]);
  }
  const { rmse, mae, r2 } = accuracy;
  return new Map([
    ['RMSE', rmse],
    ['MAE', mae],
    ['R Squared', r2],
  ]);
}

/** The same as the API shows it; there is no accuracy of the training to compare with. */
export function accuracyMetrics(accuracy: Accuracy | null): object {
  return Object.fromEntries(
    [...accuracyValues(accuracy)].map(([name, value]) => [name, { value, baselineValue: null, percentChange: null }]),
  );
}
