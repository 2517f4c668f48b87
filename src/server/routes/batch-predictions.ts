import type { FastifyReply } from 'fastify';
import { predictionBody } from '../../jobs/queue/body/prediction-body.ts';
import type { JobRecord } from '../../jobs/queue/job-record.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import { timeOf } from '../monitored-period.ts';
import { patchBody } from '../schemas/job-bodies.ts';
import { listQuery } from '../schemas/list-query.ts';
import { jobView } from '../views/job-view.ts';
import { pageView } from '../views/page-view.ts';

const HOUR_MS = 3_600_000;

/** `/batchPredictions/`: jobs are made, listed, looked at, changed and ended. */
export function batchPredictionRoutes(service: JobService, now: () => number): readonly ApiRoute[] {
  return [
    apiRoute({
      method: 'POST',
      path: '/batchPredictions/',
      summary: 'Makes a job.',
      body: predictionBody,
      keepsBody: true,
      replies: { 202: 'The job; its address is in Location.', 422: 'A setting is wrong.', 429: 'Too many jobs.' },
      handle: async (call) => {
        const record = await service.create(call.body, call.caller, apiOrigin(call));
        return await sendNewJob(service, call, record);
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/batchPredictions/',
      summary: 'The jobs, page by page.',
      query: listQuery,
      replies: { 200: 'A page of jobs.', 422: 'A parameter is wrong.' },
      handle: async (call) => {
        const { query } = call;
        const limit = query.limit === 0 ? 100 : query.limit;
        const since = query.cutoffHours === undefined ? undefined : now() - query.cutoffHours * HOUR_MS;
        const { total, records } = await service.list(
          {
            offset: query.offset,
            limit,
            status: query.status?.filter((status) => status !== 'FAILED'),
            source: query.source,
            intakeType: query.intakeType,
            outputType: query.outputType,
            deploymentId: query.deploymentId,
            modelId: query.modelId,
            jobId: query.jobId,
            definitionId: query.batchPredictionJobDefinitionId,
            hostname: query.hostname,
            from: timeOf(query.startDateTime) ?? since,
            until: timeOf(query.endDateTime) ?? undefined,
            owner: null,
            orderBy: query.orderBy,
          },
          call.caller,
        );
        const positions = await service.queuePositions(records);
        const data = records.map((record) =>
          jobView(record, { base: call.base, queuePosition: positions.get(record.id) ?? null }),
        );
        return sendJson(call.reply, pageView(call, { offset: query.offset, limit, total }, data));
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/batchPredictions/:id/',
      summary: 'A job.',
      replies: { 200: 'The job.', 404: 'There is no such job.' },
      handle: async (call) => {
        const record = await service.get(call.params.id, call.caller);
        return await sendJob(service, call, record);
      },
    }),
    apiRoute({
      method: 'PATCH',
      path: '/batchPredictions/:id/',
      summary: 'Hides a job, ends it, or changes its priority.',
      body: patchBody,
      replies: { 200: 'The job.', 404: 'There is no such job.', 409: 'The job has ended.' },
      handle: async (call) => {
        const record = await service.patch(call.params.id, call.body, call.caller);
        return await sendJob(service, call, record);
      },
    }),
    apiRoute({
      method: 'DELETE',
      path: '/batchPredictions/:id/',
      summary: 'Ends a job that waits or runs, and removes what it has.',
      replies: { 202: 'The job is aborted.', 404: 'There is no such job.', 409: 'The job has ended.' },
      handle: async (call) => {
        const record = await service.abort(call.params.id, call.caller);
        return await sendJob(service, call, record, 202);
      },
    }),
  ];
}

/** What a job is made by that comes from a caller. */
export function apiOrigin({ request }: ApiCall): { readonly source: string; readonly address: string } {
  return { source: 'Ad hoc API', address: request.ip };
}

/** The reply to whatever made a job. */
export async function sendNewJob(service: JobService, call: ApiCall, record: JobRecord): Promise<FastifyReply> {
  call.reply.header('location', `${call.base}/batchPredictions/${record.id}/`);
  return await sendJob(service, call, record, 202);
}

async function sendJob(
  service: JobService,
  { reply, base }: ApiCall,
  record: JobRecord,
  status = 200,
): Promise<FastifyReply> {
  const positions = await service.queuePositions([record]);
  return sendJson(reply.code(status), jobView(record, { base, queuePosition: positions.get(record.id) ?? null }));
}
