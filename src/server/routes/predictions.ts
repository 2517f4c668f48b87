import type { AccuracyLog } from '../../jobs/monitoring/kept/accuracy-log.ts';
import { mergedStatistics } from '../../jobs/monitoring/kept/monitoring-store.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { type ApiRoute, apiRoute } from '../api-route.ts';
import { batchesView } from '../asked-batches.ts';
import { sendJson } from '../json-reply.ts';
import { keepsPredictions } from '../keeps-predictions.ts';
import { monitoredRows } from '../kept-statistics.ts';
import { bucketStart, bucketsOf, periodView } from '../monitored-period.ts';
import { predictionsOverTimeQuery, predictionsVsActualsQuery } from '../schemas/monitoring-query.ts';
import { pairedView } from '../views/paired-view.ts';
import { baselineSpread, predictionSpread } from '../views/predictions-view.ts';

/** What a deployment has predicted by time, and beside it what came true. */
export function predictionRoutes(service: JobService, log: AccuracyLog, now: () => number): readonly ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/predictionsOverTime/',
      summary: 'Predictions by the time at which jobs ended: means, and of classes how often each came.',
      query: predictionsOverTimeQuery,
      replies: {
        200: 'Buckets of time, of each model that is asked for; and the baseline.',
        404: 'There is no such deployment, or no such batch of yours.',
        422: 'The deployment has no baseline, its drift is not tracked, or a parameter is wrong.',
      },
      handle: async (call) => {
        const { query } = call;
        const { bucketSize, targetClass: classes } = query;
        const rows = await monitoredRows(service, call, 'targetDrift', now());
        const { period, baseline } = rows;
        const models = query.modelId === undefined ? [null] : [...new Set(query.modelId)];
        const places = bucketsOf(period, bucketSize, models.length);
        const buckets: object[] = [];
        for (const modelId of models) {
          const all = await rows.of(modelId);
          const groups = Map.groupBy(all, ({ ended }) => bucketStart(ended, period, bucketSize));
          for (const bucket of places) {
            const merged = mergedStatistics(groups.get(bucket.from) ?? []);
            buckets.push({ period: periodView(bucket), modelId, ...predictionSpread(merged, baseline, classes) });
          }
        }
        const baselines =
          baseline.predictions.length === 0
            ? []
            : [{ period: null, modelId: null, ...baselineSpread(baseline, classes) }];
        return sendJson(call.reply, { baselines, ...batchesView(rows.batches), buckets });
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/predictionsVsActualsOverTime/',
      summary: 'Predictions beside what came true, by the time at which rows were scored.',
      query: predictionsVsActualsQuery,
      replies: {
        200: 'Buckets of time; means and shares are of the rows that have an actual.',
        404: 'There is no such deployment, or no such batch of yours.',
        422: 'The deployment keeps no predictions, or a parameter is wrong.',
      },
      handle: async (call) => {
        const { query } = call;
        const { bucketSize, targetClass: classes } = query;
        const { id, rows: period, batches } = await keepsPredictions(service, call, now());
        const paired = await log.paired(id, bucketSize, period);
        const found = new Map(paired.map((one) => [bucketStart(one.start, period, bucketSize), one]));
        const buckets = bucketsOf(period, bucketSize).map((bucket) => ({
          period: periodView(bucket),
          modelId: null,
          ...pairedView(found.get(bucket.from) ?? null, classes),
        }));
        const sum = (rows: 'total' | 'withActual'): number => paired.reduce((total, one) => total + one[rows], 0);
        const summary = { rowCountTotal: sum('total'), rowCountWithActual: sum('withActual') };
        return sendJson(call.reply, { summary, baselines: [], ...batchesView(batches), buckets });
      },
    }),
  ];
}
