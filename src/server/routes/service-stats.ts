import type * as z from 'zod';
import { serviceMetrics } from '../../jobs/monitoring/kept/service-metrics.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import type { ApiCall, ApiRoute } from '../api-route.ts';
import { askedBatches, batchesView } from '../asked-batches.ts';
import { sendJson } from '../json-reply.ts';
import { knownDeployment } from '../known-deployment.ts';
import { bucketStart, bucketsOf, periodOf, periodView } from '../monitored-period.ts';
import { type RowsQuery, serviceOverTimeQuery, serviceStatsQuery } from '../schemas/monitoring-query.ts';

const HOUR_MS = 3_600_000;
const replies = {
  200: 'Figures of the requests to the prediction server, in whole hours.',
  404: 'There is no such deployment, or no such batch of yours.',
  422: 'A parameter is wrong.',
};

/** How the prediction server of a deployment has answered. */
export function serviceStatsRoutes(service: JobService, now: () => number): readonly ApiRoute[] {
  const kept = async (call: ApiCall, query: RowsQuery & { readonly modelId?: string | undefined }) => {
    const { id } = knownDeployment(service.configuration, call.params['id'] ?? '');
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
    {
      method: 'GET',
      path: '/deployments/:id/serviceStats/',
      summary: 'Requests to the prediction server, their times and errors.',
      query: serviceStatsQuery,
      replies,
      handle: async (call) => {
        const query = call.query as z.output<typeof serviceStatsQuery>;
        const { period, about, hours } = await kept(call, query);
        const metrics = serviceMetrics(hours, {
          responseQuantile: query.responseTimeQuantile,
          executionQuantile: query.executionTimeQuantile,
          slowMs: query.slowRequestsThreshold,
        });
        return sendJson(call.reply, { period: periodView(period), metrics, ...about });
      },
    },
    {
      method: 'GET',
      path: '/deployments/:id/serviceStatsOverTime/',
      summary: 'One of these figures by time.',
      query: serviceOverTimeQuery,
      replies,
      handle: async (call) => {
        const query = call.query as z.output<typeof serviceOverTimeQuery>;
        const { period, about, hours } = await kept(call, query);
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
    },
  ];
}
