import type { AccuracyLog } from '../../jobs/monitoring/kept/accuracy-log.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { batchesView } from '../asked-batches.ts';
import { sendJson } from '../json-reply.ts';
import { keepsPredictions } from '../keeps-predictions.ts';
import { bucketStart, bucketsOf, periodView } from '../monitored-period.ts';
import {
  accuracyOverTimeQuery,
  accuracyQuery,
  type OneModelQuery,
  predictionResultsQuery,
} from '../schemas/monitoring-query.ts';
import { accuracyMetrics, accuracyValues } from '../views/accuracy-view.ts';
import { pageView } from '../views/page-view.ts';
import { predictionResultsCsv, predictionResultView } from '../views/prediction-result-view.ts';

const replies = {
  200: 'Of the rows that were scored in the time and have an actual.',
  404: 'There is no such deployment, or no such batch of yours.',
  422: 'The deployment keeps no predictions, or a parameter is wrong.',
};

/** How good the predictions of a deployment were. */
export function accuracyRoutes(service: JobService, log: AccuracyLog, now: () => number): readonly ApiRoute[] {
  const asked = (call: ApiCall<'id', OneModelQuery>) => keepsPredictions(service, call, now());
  return [
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/accuracy/',
      summary: 'How good predictions were.',
      query: accuracyQuery,
      replies,
      handle: async (call) => {
        const { id, rows, batches } = await asked(call);
        const report = await log.report(id, 'all', rows);
        const metrics = accuracyMetrics(report?.overall ?? null);
        return sendJson(call.reply, { period: periodView(rows), metrics, modelId: null, ...batchesView(batches) });
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/accuracyOverTime/',
      summary: 'The same by the time at which rows were scored.',
      query: accuracyOverTimeQuery,
      replies,
      handle: async (call) => {
        const { query } = call;
        const { id, rows: period, batches } = await asked(call);
        const report = await log.report(id, query.bucketSize, period);
        const overall = report?.overall ?? null;
        const metric = query.metric ?? [...accuracyValues(overall).keys()][0] ?? 'RMSE';
        const measured = new Map(
          report?.buckets.map(({ start, accuracy }) => [
            bucketStart(Date.parse(start), period, query.bucketSize),
            accuracy,
          ]),
        );
        const entry = (accuracy: typeof overall): object => ({
          value: accuracyValues(accuracy).get(metric) ?? null,
          sampleSize: accuracy?.rows ?? 0,
        });
        return sendJson(call.reply, {
          metric,
          modelId: null,
          ...batchesView(batches),
          buckets: bucketsOf(period, query.bucketSize).map((bucket) => ({
            period: periodView(bucket),
            ...entry(measured.get(bucket.from) ?? null),
          })),
          summary: { period: periodView(period), ...entry(overall) },
          baseline: { period: null, value: null, sampleSize: null },
        });
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/predictionResults/',
      summary: 'Predictions by association ID with their actuals, as JSON, or as text/csv where Accept asks for it.',
      query: predictionResultsQuery,
      replies: { ...replies, 200: 'A page of them; the latest prediction of each ID.' },
      handle: async (call) => {
        const { query } = call;
        const { offset, limit } = query;
        const { id, associationId, rows } = await asked(call);
        const page = { ...rows, offset, limit, hasActual: query.actualsPresent ?? null };
        const { total, results } = await log.results(id, page);
        if (call.request.headers.accept?.startsWith('text/csv') === true)
          return call.reply.type('text/csv; charset=utf-8').send(predictionResultsCsv(results));
        const about = { associationIdColumnNames: associationId === null ? [] : [associationId] };
        const view = pageView(call, { offset, limit, total }, results.map(predictionResultView));
        return sendJson(call.reply, { ...about, ...view });
      },
    }),
  ];
}
