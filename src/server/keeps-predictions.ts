import type { Configuration } from '../jobs/configuration.ts';
import { knownDeployment } from './known-deployment.ts';
import { type Period, periodOf } from './monitored-period.ts';
import { refused } from './refused.ts';
import type { PeriodQuery } from './schemas/monitoring-query.ts';

/**
 * The time that is asked for of a deployment that keeps its predictions. Throws DEPLOYMENT_UNKNOWN (404), and REQUEST_INVALID (422) for one that does not,
 * and for a model: predictions are kept whatever their model.
 */
export function keepsPredictions(
  configuration: Configuration,
  deploymentId: string,
  query: PeriodQuery & { readonly modelId?: string | undefined },
  now: number,
): { readonly id: string; readonly associationId: string | null; readonly period: Period } {
  const { id, associationId } = assertKeepsPredictions(configuration, deploymentId);
  if (query.modelId !== undefined)
    throw refused('modelId: predictions are kept for a deployment, whatever its model; leave it out');
  return { id, associationId, period: periodOf(query, now) };
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
