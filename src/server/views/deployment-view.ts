import type { DeploymentDescription } from '../../core/scorer.ts';
import type { Deployment } from '../../jobs/description/deployment.ts';

/** What is known of a deployment beside its configuration. */
export interface DeploymentFacts {
  /** What its server says; null: it was not asked, or did not answer. */
  readonly described: DeploymentDescription | null;
  /** Why its server did not answer; null: it did, or was not asked. */
  readonly problem: string | null;
}

/** A deployment as DataRobot's clients read it. What nobody knows is left out. */
export function deploymentView(deployment: Deployment, { described, problem }: DeploymentFacts): object {
  const { id, server, wire, target, baseline } = deployment;
  const targetName = described?.target ?? target;
  return {
    id,
    label: id,
    description: '',
    status: 'active',
    defaultPredictionServer: serverView(server),
    model: {
      ...(described?.model === undefined ? {} : { id: described.model.id }),
      type: described?.software ?? wire,
      ...(targetName === null || targetName === undefined ? {} : { targetName }),
      ...(described?.kind === undefined ? {} : { targetType: TARGET_TYPES[described.kind] }),
    },
    capabilities: { supportsDriftTracking: baseline !== null, supportsModelReplacement: wire === 'datarobot' },
    predictionUsage: {},
    permissions: ['CAN_VIEW', 'CAN_SUBMIT_PREDICTIONS_REQUESTS'],
    ...(described === null && problem === null
      ? {}
      : { serviceHealth: { status: problem === null ? 'passing' : 'failing', message: problem ?? '' } }),
  };
}

/** A deployment whose configuration lacks something. */
export function brokenDeploymentView(id: string): object {
  return { id, label: id, description: 'Its configuration is not complete.', status: 'inactive' };
}

/** A prediction server by its address. Its keys are the server's own. */
export function serverView(url: string): object {
  return { id: new URL(url).host, url, 'datarobot-key': '' };
}

const TARGET_TYPES: Readonly<Record<NonNullable<DeploymentDescription['kind']>, string>> = {
  regression: 'Regression',
  binary: 'Binary',
  multiclass: 'Multiclass',
  anomaly: 'Anomaly',
};
