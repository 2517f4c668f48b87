import type * as z from 'zod';
import type { Deployment } from '../../jobs/description/deployment.ts';
import { type DriftScore, driftScores } from '../../jobs/monitoring/kept/drift-scores.ts';
import { type KeptStatistics, mergedStatistics } from '../../jobs/monitoring/kept/monitoring-store.ts';
import { baselineDigest } from '../../jobs/monitoring/monitor-of-job.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import type { Baseline } from '../../monitoring/baseline.ts';
import type { ApiCall, ApiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import { knownDeployment } from '../known-deployment.ts';
import { bucketStart, bucketsOf, type Period, periodOf, periodView } from '../monitored-period.ts';
import { refused } from '../refused.ts';
import {
  driftOverTimeQuery,
  featureDriftQuery,
  type PeriodQuery,
  targetDriftQuery,
} from '../schemas/monitoring-query.ts';
import { pageView } from '../views/page-view.ts';

const replies = {
  200: 'How far the rows of the jobs that ended in the time are from the baseline.',
  404: 'There is no such deployment.',
  422: 'The deployment has no baseline, its drift is not tracked, or a parameter is wrong.',
};

/** Drift of what jobs have scored from the baseline of their deployment. */
export function driftRoutes(service: JobService, now: () => number): readonly ApiRoute[] {
  const kept = async (
    { params }: ApiCall,
    which: 'featureDrift' | 'targetDrift',
    query: PeriodQuery & { readonly modelId?: string | undefined },
  ): Promise<{
    readonly deployment: Deployment;
    readonly baseline: Baseline;
    readonly period: Period;
    readonly all: readonly KeptStatistics[];
  }> => {
    const deployment = knownDeployment(service.configuration, params['id'] ?? '');
    const { baseline, id } = deployment;
    if (baseline === null)
      throw refused(
        `The deployment ${id} has no baseline: make one by sluice baseline, and name it in the configuration`,
      );
    if (!(await service.monitoring.settings(id))[which])
      throw refused(`The ${which} of the deployment ${id} is not tracked: PATCH its settings`);
    const period = periodOf(query, now());
    const asked = { deployment: id, model: query.modelId ?? null, ...period };
    const all = await service.monitoring.statistics(asked, baselineDigest(baseline));
    return { deployment, baseline, period, all };
  };
  return [
    {
      method: 'GET',
      path: '/deployments/:id/featureDrift/',
      summary: 'How far features have drifted from the baseline.',
      query: featureDriftQuery,
      replies,
      handle: async (call) => {
        const query = call.query as z.output<typeof featureDriftQuery>;
        const { baseline, period, all } = await kept(call, 'featureDrift', query);
        const { offset, limit } = query;
        const scores = driftScores(mergedStatistics(all), baseline, query.metric).features;
        const shown = scores.slice(offset, offset + limit).map((score) => ({ ...score, featureImpact: null }));
        const place = { offset, limit, total: scores.length };
        const about = { period: periodView(period), metric: query.metric, modelId: query.modelId ?? null };
        return sendJson(call.reply, { ...about, ...pageView(call, place, shown) });
      },
    },
    {
      method: 'GET',
      path: '/deployments/:id/targetDrift/',
      summary: 'How far predictions have drifted from the baseline.',
      query: targetDriftQuery,
      replies,
      handle: async (call) => {
        const query = call.query as z.output<typeof targetDriftQuery>;
        const { deployment, baseline, period, all } = await kept(call, 'targetDrift', query);
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
          targetName: deployment.target ?? name.replace(/_PREDICTION$/, ''),
          ...figures,
        });
      },
    },
    {
      method: 'GET',
      path: '/deployments/:id/featureDriftOverTime/',
      summary: 'The same of features by the time at which jobs ended.',
      query: driftOverTimeQuery,
      replies,
      handle: async (call) => {
        const query = call.query as z.output<typeof driftOverTimeQuery>;
        const { baseline, period, all } = await kept(call, 'featureDrift', query);
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
        return sendJson(call.reply, { metric: query.metric, modelId: query.modelId ?? null, buckets });
      },
    },
  ];
}
