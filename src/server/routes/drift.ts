import { type DriftScore, driftScores } from '../../jobs/monitoring/kept/drift-scores.ts';
import { type KeptStatistics, mergedStatistics } from '../../jobs/monitoring/kept/monitoring-store.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { batchesView } from '../asked-batches.ts';
import { sendJson } from '../json-reply.ts';
import { type MonitoredRows, monitoredRows } from '../kept-statistics.ts';
import { bucketStart, bucketsOf, periodView } from '../monitored-period.ts';
import { refused } from '../refused.ts';
import {
  driftOverTimeQuery,
  featureDriftQuery,
  type OneModelQuery,
  targetDriftQuery,
} from '../schemas/monitoring-query.ts';
import { pageView } from '../views/page-view.ts';

const replies = {
  200: 'How far the rows of the jobs that ended in the time are from the baseline.',
  404: 'There is no such deployment, or no such batch of yours.',
  422: 'The deployment has no baseline, its drift is not tracked, or a parameter is wrong.',
};

/** Drift of what jobs have scored from the baseline of their deployment. */
export function driftRoutes(service: JobService, now: () => number): readonly ApiRoute[] {
  const kept = async (
    call: ApiCall<'id', OneModelQuery>,
    which: 'featureDrift' | 'targetDrift',
  ): Promise<MonitoredRows & { readonly all: readonly KeptStatistics[] }> => {
    const rows = await monitoredRows(service, call, which, now());
    return { ...rows, all: await rows.of(call.query.modelId ?? null) };
  };
  return [
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/featureDrift/',
      summary: 'How far features have drifted from the baseline.',
      query: featureDriftQuery,
      replies,
      handle: async (call) => {
        const { query } = call;
        const { baseline, period, batches, all } = await kept(call, 'featureDrift');
        const { offset, limit } = query;
        const scores = driftScores(mergedStatistics(all), baseline, query.metric).features;
        const shown = scores.slice(offset, offset + limit).map((score) => ({ ...score, featureImpact: null }));
        const place = { offset, limit, total: scores.length };
        const about = { period: periodView(period), metric: query.metric, modelId: query.modelId ?? null };
        return sendJson(call.reply, { ...about, ...batchesView(batches), ...pageView(call, place, shown) });
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/targetDrift/',
      summary: 'How far predictions have drifted from the baseline.',
      query: targetDriftQuery,
      replies,
      handle: async (call) => {
        const { query } = call;
        const { deployment, baseline, period, batches, all } = await kept(call, 'targetDrift');
        const [score] = driftScores(mergedStatistics(all), baseline, query.metric).predictions;
        if (score === undefined)
          throw refused(
            `The baseline of the deployment ${deployment.id} has no predictions: make one with --predictions`,
          );
        const { name, ...figures } = score;
        return sendJson(call.reply, {
          period: periodView(period),
          metric: query.metric,
          modelId: query.modelId ?? null,
          ...batchesView(batches),
          targetName: deployment.target ?? name.replace(/_PREDICTION$/, ''),
          ...figures,
        });
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/featureDriftOverTime/',
      summary: 'The same of features by the time at which jobs ended.',
      query: driftOverTimeQuery,
      replies,
      handle: async (call) => {
        const { query } = call;
        const { baseline, period, batches, all } = await kept(call, 'featureDrift');
        const wanted = query.featureNames?.split(',');
        const isWanted = ({ name }: DriftScore): boolean => wanted?.includes(name) ?? true;
        const groups = Map.groupBy(all, ({ ended }) => bucketStart(ended, period, query.bucketSize));
        const buckets = bucketsOf(period, query.bucketSize).map((bucket) => ({
          period: periodView(bucket),
          features: driftScores(
            mergedStatistics(groups.get(bucket.from) ?? []),
            baseline,
            query.metric,
          ).features.filter(isWanted),
        }));
        const about = { metric: query.metric, modelId: query.modelId ?? null, ...batchesView(batches) };
        return sendJson(call.reply, { ...about, buckets });
      },
    }),
  ];
}
