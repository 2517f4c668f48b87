import type * as z from 'zod';
import { serviceMetrics } from '../../jobs/monitoring/kept/service-metrics.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import type { ApiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import { knownDeployment } from '../known-deployment.ts';
import { bucketStart, bucketsOf, periodOf, periodView } from '../monitored-period.ts';
import { serviceOverTimeQuery, serviceStatsQuery } from '../schemas/monitoring-query.ts';

const HOUR_MS = 3_600_000;
const replies = {
  200: 'Figures of the requests to the prediction server, in whole hours.',
  404: 'There is no such deployment.',
  422: 'A parameter is wrong.',
};

/** How the prediction server of a deployment has answered. */
export function serviceStatsRoutes(service: JobService, now: () => number): readonly ApiRoute[] {
  return [
    {
      method: 'GET',
      path: '/deployments/:id/serviceStats/',
      summary: 'Requests to the prediction server, their times and errors.',
      query: serviceStatsQuery,
      replies,
      handle: async ({ params, query: given, reply }) => {
        const query = given as z.output<typeof serviceStatsQuery>;
        const { id } = knownDeployment(service.configuration, params['id'] ?? '');
        const period = periodOf(query, now());
        const model = query.modelId ?? null;
        const metrics = serviceMetrics(await service.monitoring.hours({ deployment: id, model, ...period }), {
          responseQuantile: query.responseTimeQuantile,
          executionQuantile: query.executionTimeQuantile,
          slowMs: query.slowRequestsThreshold,
        });
        return sendJson(reply, { period: periodView(period), metrics, modelId: model });
      },
    },
    {
      method: 'GET',
      path: '/deployments/:id/serviceStatsOverTime/',
      summary: 'One of these figures by time.',
      query: serviceOverTimeQuery,
      replies,
      handle: async ({ params, query: given, reply }) => {
        const query = given as z.output<typeof serviceOverTimeQuery>;
        const { id } = knownDeployment(service.configuration, params['id'] ?? '');
        const period = periodOf(query, now());
        const { metric, quantile, threshold: slowMs } = query;
        const model = query.modelId ?? null;
        const hours = await service.monitoring.hours({ deployment: id, model, ...period });
        const settings = { responseQuantile: quantile, executionQuantile: quantile, slowMs };
        const groups = Map.groupBy(hours, ({ hour }) => bucketStart(hour * HOUR_MS, period, query.bucketSize));
        const buckets = bucketsOf(period, query.bucketSize).map((bucket) => ({
          period: periodView(bucket),
          value: serviceMetrics(groups.get(bucket.from) ?? [], settings)[metric],
        }));
        const summary = { period: periodView(period), value: serviceMetrics(hours, settings)[metric] };
        return sendJson(reply, { metric, modelId: model, buckets, summary });
      },
    },
  ];
}
