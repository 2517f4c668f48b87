import { serviceMetrics } from '../../jobs/monitoring/kept/service-metrics.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { askedBatches, batchesView } from '../asked-batches.ts';
import { sendJson } from '../json-reply.ts';
import { knownDeployment } from '../known-deployment.ts';
import { bucketStart, bucketsOf, periodOf, periodView } from '../monitored-period.ts';
import { type OneModelQuery, serviceOverTimeQuery, serviceStatsQuery } from '../schemas/monitoring-query.ts';

const HOUR_MS = 3_600_000;
const replies = {
  200: 'Figures of the requests to the prediction server, in whole hours.',
  404: 'There is no such deployment, or no such batch of yours.',
  422: 'A parameter is wrong.',
};

/** How the prediction server of a deployment has answered. */
export function serviceStatsRoutes(service: JobService, now: () => number): readonly ApiRoute[] {
  const kept = async (call: ApiCall<'id', OneModelQuery>) => {
    const { query } = call;
    const { id } = knownDeployment(service.configuration, call.params.id);
    const batches = await askedBatches(service, id, query.batchId, call);
    const period = periodOf(query, now(), batches?.since);
    const model = query.modelId ?? null;
    const wanted = { deployment: id, model, batches: batches?.ids ?? null, ...period };
    return {
      period,
      about: { modelId: model, ...batchesView(batches) },
      hours: await service.monitoring.hours(wanted),
    };
  };
  return [
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/serviceStats/',
      summary: 'Requests to the prediction server, their times and errors.',
      query: serviceStatsQuery,
      replies,
      handle: async (call) => {
        const { query } = call;
        const { period, about, hours } = await kept(call);
        const metrics = serviceMetrics(hours, {
          responseQuantile: query.responseTimeQuantile,
          executionQuantile: query.executionTimeQuantile,
          slowMs: query.slowRequestsThreshold,
        });
        return sendJson(call.reply, { period: periodView(period), metrics, ...about });
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/serviceStatsOverTime/',
      summary: 'One of these figures by time.',
      query: serviceOverTimeQuery,
      replies,
      handle: async (call) => {
        const { query } = call;
        const { period, about, hours } = await kept(call);
        const { metric, quantile, threshold: slowMs } = query;
        const settings = { responseQuantile: quantile, executionQuantile: quantile, slowMs };
        const groups = Map.groupBy(hours, ({ hour }) => bucketStart(hour * HOUR_MS, period, query.bucketSize));
        const buckets = bucketsOf(period, query.bucketSize).map((bucket) => ({
          period: periodView(bucket),
          value: serviceMetrics(groups.get(bucket.from) ?? [], settings)[metric],
        }));
        const summary = { period: periodView(period), value: serviceMetrics(hours, settings)[metric] };
        return sendJson(call.reply, { metric, ...about, buckets, summary });
      },
    }),
  ];
}
