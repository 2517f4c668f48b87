import { SluiceError } from '../core/error.ts';
import type { Configuration } from '../jobs/configuration.ts';
import type { Deployment } from '../jobs/description/deployment.ts';

/** A deployment of the configuration. Throws DEPLOYMENT_UNKNOWN (404), and what its configuration lacks (422). */
export function knownDeployment(configuration: Configuration, id: string): Deployment {
  if (configuration.deploymentIds.includes(id)) return configuration.deployment(id, 'deployments');
  throw new SluiceError('DEPLOYMENT_UNKNOWN', 'There is no such deployment.', { status: 404 });
}
