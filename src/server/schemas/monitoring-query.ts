import * as z from 'zod';
import { SERVICE_METRICS } from '../../jobs/monitoring/kept/service-metrics.ts';
import { DRIFT_METRICS } from '../../monitoring/divergence.ts';
import type { BucketSize } from '../../monitoring/time-bucket.ts';
import { several, time } from './list-query.ts';
import { pageFields } from './page-fields.ts';

const period = {
  start: time().describe(
    'Only what came since then. Seven days before the end if left out, and not after the first of the batches was made.',
  ),
  end: time().describe('Only what came before then. The end of this hour if left out.'),
  startTime: time().describe('Another name of `start`.'),
  endTime: time().describe('Another name of `end`.'),
  batchId: several(z.string().min(1).max(100)).describe('Only rows of jobs in one of these batches of monitoring.'),
};
const model = { modelId: z.string().min(1).max(500).optional().describe('Only of this model. All if left out.') };
const number = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,12}(\.\d{1,12})?$/, { error: 'must be a number' })
    .transform(Number)
    .refine((value) => value >= least && value <= most, { error: `must be from ${least} to ${most}` });

const SIZES: Readonly<Record<string, Exclude<BucketSize, 'all'>>> = {
  PT1H: 'hour',
  P1D: 'day',
  PT24H: 'day',
  P7D: 'week',
  P1W: 'week',
  P1M: 'month',
};
const buckets = {
  bucketSize: z
    .enum(['PT1H', 'P1D', 'PT24H', 'P7D', 'P1W', 'P1M'])
    .prefault('P1D')
    .transform((size) => SIZES[size]!)
    .describe('How long a bucket is, by UTC; weeks begin on Mondays.'),
};
const driftMetric = { metric: z.enum(DRIFT_METRICS).default('psi').describe('How far two distributions are apart.') };

export const featureDriftQuery = z.strictObject({ ...period, ...model, ...pageFields, ...driftMetric });
export const targetDriftQuery = z.strictObject({ ...period, ...model, ...driftMetric });
export const driftOverTimeQuery = z.strictObject({
  ...period,
  ...model,
  ...driftMetric,
  ...buckets,
  featureNames: z.string().max(10_000).optional().describe('Only these, with commas in between.'),
});
export const serviceStatsQuery = z.strictObject({
  ...period,
  ...model,
  executionTimeQuantile: number(0, 1).prefault('0.5').describe('Of `executionTime`.'),
  responseTimeQuantile: number(0, 1).prefault('0.5').describe('Of `responseTime`.'),
  slowRequestsThreshold: number(0, 86_400_000).prefault('2000').describe('Milliseconds above which a request is slow.'),
});
export const serviceOverTimeQuery = z.strictObject({
  ...period,
  ...model,
  ...buckets,
  metric: z.enum(SERVICE_METRICS).default('totalPredictions'),
  quantile: number(0, 1).prefault('0.5').describe('Of `executionTime` and `responseTime`.'),
  threshold: number(0, 86_400_000).prefault('2000').describe('Milliseconds above which a request is slow.'),
});
export const accuracyQuery = z.strictObject({ ...period, ...model });
export const accuracyOverTimeQuery = z.strictObject({
  ...period,
  ...model,
  ...buckets,
  metric: z.string().max(40).optional().describe('RMSE or LogLoss if left out, or Accuracy of more than two classes.'),
});
export const predictionResultsQuery = z.strictObject({
  ...period,
  ...model,
  ...pageFields,
  actualsPresent: z
    .string()
    .regex(/^(true|false)$/i, { error: 'must be true or false' })
    .transform((text) => text.toLowerCase() === 'true')
    .optional()
    .describe('Only rows with an actual, or without.'),
});
/** Of each of these models by itself. */
const models = {
  modelId: several(z.string().min(1).max(500)).describe(
    'Of each of these models by itself. Of all together if left out.',
  ),
};
export const predictionsOverTimeQuery = z.strictObject({
  ...period,
  ...models,
  ...buckets,
  targetClass: several(z.string().max(500)).describe('Only these classes.'),
  includePercentiles: z
    .string()
    .regex(/^false$/i, { error: 'cannot be had: percentiles of predictions are not kept; leave it out' })
    .optional()
    .describe('Not served: percentiles are not kept.'),
});
export const predictionsVsActualsQuery = z.strictObject({
  ...period,
  ...model,
  ...buckets,
  targetClass: several(z.string().max(500)).describe('Only these classes.'),
});
export const featuresQuery = z.strictObject({
  ...pageFields,
  search: z.string().max(500).optional().describe('Only those with this in their name, in any case.'),
  orderBy: z.enum(['name', '-name']).optional().describe('In the order of the baseline if left out.'),
  includeNonPredictionFeatures: z.string().max(10).optional().describe('Not looked at: there are none.'),
  forSegmentedAnalysis: z.string().max(10).optional().describe('Not looked at.'),
});
export const pageQuery = z.strictObject(pageFields);

/** Not every database takes every character. */
const text = () =>
  z
    .string()
    .max(500)
    .refine((given) => !/\p{Cc}/u.test(given), { error: 'must have no control characters' })
    .optional();

export const batchesQuery = z.strictObject({
  ...pageFields,
  search: text().describe('Only those with this in their name, in any case, or with this ID.'),
  createdBy: text().describe('Only those of this user, by the ID that `createdBy` has.'),
  createdAfter: time().describe('Only those made since then.'),
  createdBefore: time().describe('Only those made before then.'),
  orderBy: z.enum(['name', '-name', 'createdAt', '-createdAt']).default('-createdAt'),
});

export interface PeriodQuery {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly startTime?: string | undefined;
  readonly endTime?: string | undefined;
}

/** Which rows of a deployment are asked for. */
export interface RowsQuery extends PeriodQuery {
  readonly batchId?: readonly string[] | undefined;
}

/** The same, of one model, or of all. */
export interface OneModelQuery extends RowsQuery {
  readonly modelId?: string | undefined;
}
