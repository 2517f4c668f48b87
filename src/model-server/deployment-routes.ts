import type { Deployment } from './deployment.ts';
import type { RequestGate } from './request-gate.ts';

/** What the routes of every protocol work with. */
export interface DeploymentRoutes {
  /** Throws DEPLOYMENT_UNKNOWN (404). */
  readonly find: (id: string) => Deployment;
  /** Bytes of a body, also unpacked. */
  readonly maxBodyBytes: number;
  readonly gate: RequestGate;
}
