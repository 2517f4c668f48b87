import type { Configuration } from '../jobs/configuration.ts';
import type { JobService } from '../jobs/queue/job-service.ts';
import type { ScoredRows } from '../monitoring/scored-rows.ts';
import type { ApiCall } from './api-route.ts';
import { type AskedBatches, askedBatches } from './asked-batches.ts';
import { knownDeployment } from './known-deployment.ts';
import { periodOf } from './monitored-period.ts';
import { refused } from './refused.ts';
import type { OneModelQuery } from './schemas/monitoring-query.ts';

/** Which predictions of a deployment are asked for. */
interface KeptPredictions {
  readonly id: string;
  readonly associationId: string | null;
  readonly batches: AskedBatches | null;
  readonly rows: ScoredRows;
}

/**
 * The predictions that are asked for, of a deployment that keeps them. Throws DEPLOYMENT_UNKNOWN and JOB_UNKNOWN (404), and REQUEST_INVALID (422) for one
 * that does not, and for a model: predictions are kept whatever their model.
 */
export async function keepsPredictions(
  service: JobService,
  call: ApiCall<'id', OneModelQuery>,
  now: number,
): Promise<KeptPredictions> {
  const { id, associationId } = assertKeepsPredictions(service.configuration, call.params.id);
  const { query } = call;
  if (query.modelId !== undefined)
    throw refused('modelId: predictions are kept for a deployment, whatever its model; leave it out');
  const batches = await askedBatches(service, id, query.batchId, call);
  const jobs = batches === null ? null : await service.batches.jobsOf(batches.ids);
  return { id, associationId, batches, rows: { ...periodOf(query, now, batches?.since), jobs } };
}

/** The same without a time. */
export function assertKeepsPredictions(
  configuration: Configuration,
  deploymentId: string,
): { readonly id: string; readonly associationId: string | null } {
  const { id, accuracy, associationId } = knownDeployment(configuration, deploymentId);
  if (accuracy) return { id, associationId };
  throw refused(
    `The deployment ${id} keeps no predictions: its configuration needs accuracy: true and an associationId`,
  );
}
