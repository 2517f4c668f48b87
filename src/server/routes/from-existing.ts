import type { JobService } from '../../jobs/queue/job-service.ts';
import { type ApiRoute, apiRoute } from '../api-route.ts';
import { fromExistingBody } from '../schemas/job-bodies.ts';
import { apiOrigin, sendNewJob } from './batch-predictions.ts';

/** `fromExisting`: a job with the settings of an earlier one. */
export function fromExistingRoute(service: JobService): ApiRoute {
  return apiRoute({
    method: 'POST',
    path: '/batchPredictions/fromExisting/',
    summary: 'Makes a job with the settings of an earlier one.',
    body: fromExistingBody,
    replies: { 202: 'The new job; its address is in Location.', 404: 'There is no such job.' },
    handle: async (call) => {
      const { predictionJobId } = call.body;
      const record = await service.fromExisting(predictionJobId, call.caller, apiOrigin(call));
      return await sendNewJob(service, call, record);
    },
  });
}
