import type { Deployment } from '../jobs/description/deployment.ts';
import type { KeptStatistics } from '../jobs/monitoring/kept/monitoring-store.ts';
import { baselineDigest } from '../jobs/monitoring/monitor-of-job.ts';
import type { JobService } from '../jobs/queue/job-service.ts';
import type { Baseline } from '../monitoring/baseline.ts';
import type { ApiCall } from './api-route.ts';
import { type AskedBatches, askedBatches } from './asked-batches.ts';
import { knownDeployment } from './known-deployment.ts';
import { type Period, periodOf } from './monitored-period.ts';
import { refused } from './refused.ts';
import type { RowsQuery } from './schemas/monitoring-query.ts';

/** What is kept of the rows of a deployment, with what it is compared with. */
export interface MonitoredRows {
  readonly deployment: Deployment;
  readonly baseline: Baseline;
  readonly period: Period;
  readonly batches: AskedBatches | null;
  /** Of the jobs that ended in the time. @param model null: of all. */
  of(model: string | null): Promise<readonly KeptStatistics[]>;
}

/**
 * The rows of the deployment of a call that are kept for one kind of drift. Throws DEPLOYMENT_UNKNOWN and JOB_UNKNOWN (404), and REQUEST_INVALID (422)
 * for one without a baseline, or whose drift is not tracked.
 */
export async function monitoredRows(
  service: JobService,
  call: ApiCall<'id', RowsQuery>,
  which: 'featureDrift' | 'targetDrift',
  now: number,
): Promise<MonitoredRows> {
  const deployment = knownDeployment(service.configuration, call.params.id);
  const { id, baseline } = deployment;
  if (baseline === null)
    throw refused(
      `The deployment ${id} has no baseline: make one by sluice baseline, and name it in the configuration`,
    );
  if (!(await service.monitoring.settings(id))[which])
    throw refused(`The ${which} of the deployment ${id} is not tracked: PATCH its settings`);
  const batches = await askedBatches(service, id, call.query.batchId, call);
  const period = periodOf(call.query, now, batches?.since);
  const digest = baselineDigest(baseline);
  const wanted = { deployment: id, batches: batches?.ids ?? null, ...period };
  return {
    deployment,
    baseline,
    period,
    batches,
    of: (model) => service.monitoring.statistics({ ...wanted, model }, digest),
  };
}
