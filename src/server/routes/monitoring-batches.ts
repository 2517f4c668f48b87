import type { ListedBatch } from '../../jobs/monitoring/kept/batch-store.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import { knownDeployment } from '../known-deployment.ts';
import { timeOf } from '../monitored-period.ts';
import { monitoringBatchBody } from '../schemas/deployment-bodies.ts';
import { batchesQuery } from '../schemas/monitoring-query.ts';
import { pageView } from '../views/page-view.ts';
import { shownTime } from '../views/shown-time.ts';

/** `/deployments/ID/monitoringBatches/`: what the rows of jobs are looked at together by. */
export function monitoringBatchRoutes({ configuration, batches }: JobService): readonly ApiRoute[] {
  const deploymentOf = ({ params }: ApiCall<'id'>): string => knownDeployment(configuration, params.id).id;
  return [
    apiRoute({
      method: 'POST',
      path: '/deployments/:id/monitoringBatches/',
      summary: 'Makes a batch of monitoring, for jobs to name by monitoringBatchId.',
      body: monitoringBatchBody,
      replies: {
        201: 'The batch; its address is in Location.',
        404: 'There is no such deployment.',
        422: 'There is one of the same name, or the deployment has had all batches of the day.',
      },
      handle: async (call) => {
        const deployment = deploymentOf(call);
        const { batchName } = call.body;
        const batch = await batches.create(deployment, batchName, call.caller);
        const address = `${call.base}/deployments/${encodeURIComponent(deployment)}/monitoringBatches/${batch.id}/`;
        call.reply.code(201).header('location', address);
        return sendJson(call.reply, batchView(batch));
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/monitoringBatches/',
      summary: 'Your batches of monitoring of a deployment, page by page.',
      query: batchesQuery,
      replies: { 200: 'A page of batches.', 404: 'There is no such deployment.', 422: 'A parameter is wrong.' },
      handle: async (call) => {
        const { createdAfter, createdBefore, ...query } = call.query;
        const { offset, limit } = query;
        const times = { from: timeOf(createdAfter) ?? undefined, until: timeOf(createdBefore) ?? undefined };
        const filter = { ...query, ...times, deploymentId: deploymentOf(call) };
        const { total, batches: shown } = await batches.list(filter, call.caller);
        return sendJson(call.reply, pageView(call, { offset, limit, total }, shown.map(batchView)));
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/monitoringBatches/:batchId/',
      summary: 'A batch of monitoring.',
      replies: { 200: 'The batch.', 404: 'There is no such deployment, or no such batch of yours.' },
      handle: async (call) => {
        const batch = await batches.get(deploymentOf(call), call.params.batchId, call.caller);
        return sendJson(call.reply, batchView(batch));
      },
    }),
  ];
}

function batchView(batch: ListedBatch): object {
  return {
    id: batch.id,
    batchName: batch.name,
    deploymentId: batch.deploymentId,
    batchPredictionJobId: batch.jobId,
    createdAt: shownTime(batch.created),
    createdBy: batch.createdBy,
    earliestPredictionTimestamp: shownTime(batch.started),
    latestPredictionTimestamp: shownTime(batch.ended),
  };
}
