import { encodeField } from '../../core/canonical-csv.ts';
import type { PredictionResult } from '../../monitoring/prediction-results.ts';

/** A prediction with its actual: a value where numbers are predicted, otherwise a class. */
export function predictionResultView(result: PredictionResult): object {
  const { association, scored, prediction, class: positive, probability, actual } = result;
  const isNumber = positive === null;
  return {
    associationId: association,
    timestamp: new Date(scored).toISOString(),
    modelId: null,
    predictedValue: isNumber ? Number(prediction) : null,
    predictedClass: isNumber ? null : prediction,
    ...(positive === null || positive === '' ? {} : { positiveClass: positive, positiveProbability: probability }),
    actual: isNumber && actual !== null && Number.isFinite(Number(actual)) ? Number(actual) : actual,
  };
}

const COLUMNS = ['associationId', 'timestamp', 'prediction', 'positiveClass', 'positiveProbability', 'actual'] as const;

/** The same as CSV. */
export function predictionResultsCsv(results: readonly PredictionResult[]): string {
  const lines = results.map(({ association, scored, prediction, class: positive, probability, actual }) =>
    [association, new Date(scored).toISOString(), prediction, positive || null, probability, actual]
      .map((value) => encodeField(value === null ? null : String(value)))
      .join(','),
  );
  return `${[COLUMNS.join(','), ...lines].join('\n')}\n`;
}
